"""A small table of synonyms of everyday English, written for the benchmarks.

Groups of words that can often stand for each other; no set of texts was looked at.
"""

from __future__ import annotations

_GROUPS = """
able capable
accept take receive
afraid scared frightened
allow let permit
amazing astonishing wonderful
angry mad furious
answer reply respond
arrive come
ask question inquire
awful terrible dreadful horrible
bad poor lousy
beautiful lovely pretty gorgeous
begin start commence
believe think
big large huge great
boring dull tedious
boy lad
brave courageous
bright clever smart intelligent
buy purchase
call phone ring
calm quiet peaceful
car automobile vehicle
cash money
cause reason
change alter modify
charming delightful
cheap inexpensive
child kid
choose pick select
city town
close shut
cold chilly
comedy farce
complete finish end
correct right
country nation state
crazy insane
create make produce
cry weep
dad father
danger risk
delay hold
different other
difficult hard tough
disappointing unsatisfying
discover find
dumb stupid silly
easy simple
effort attempt try
enjoy like
enough sufficient
error mistake
exciting thrilling gripping
explain clarify
fail break
famous renowned known
fast quick rapid speedy
fee charge cost
film movie picture
fix repair
foolish silly
fresh new
friend pal buddy
fun entertainment
funny amusing humorous hilarious
get obtain receive
gift present
girl lass
give hand
glad happy pleased
good fine nice decent
guess suppose
happen occur
hate detest
help assist aid
hidden secret
home house
hope wish
hurt harm injure
idea notion thought
important significant
interesting engaging absorbing
job work
keep retain
kind sort type
last final
laugh giggle
leave depart
length duration
little small tiny
lose misplace
lost missing
love adore
main chief principal
many numerous
mean nasty
message note text
method way
mom mother
moving touching
name title
need require
normal usual ordinary
odd strange weird peculiar
often frequently
old ancient
pay spend
performance acting
person human individual
place location spot
plan scheme
plot story tale
powerful strong
price cost
prize award reward
problem issue trouble
quickly rapidly fast
rate price
real genuine actual
receive get
refund reimbursement
remember recall
rich wealthy
river stream
road street
sad unhappy sorrowful
say tell state
scene moment
script screenplay
search look
send transfer forward
show display
sick ill
size magnitude
sleep rest
slow sluggish
soon shortly
speak talk
stop halt cease
stolen taken
strange odd
sure certain
surprising unexpected
sweet cute
talk chat
team squad
tired weary
today now
top-up topup
travel journey trip
true real
understand grasp
use employ
useful helpful
verify confirm check
wait stay
want desire
war conflict
watch see view
weak feeble
win gain
wonderful marvelous
wrong incorrect
young youthful
"""

SYNONYMS: dict[str, list[str]] = {}
for _line in _GROUPS.strip().splitlines():
    _words = _line.split()
    for _word in _words:
        _known = SYNONYMS.setdefault(_word, [])
        _known += [other for other in _words if other not in (_word, *_known)]

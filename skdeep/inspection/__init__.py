"""Tools for what is fitted: plots, summaries, and what happens inside."""

from skdeep.inspection._augmentation_display import AugmentationDisplay
from skdeep.inspection._forward_display import ForwardPassDisplay
from skdeep.inspection._forward_pass import forward_pass
from skdeep.inspection._function_displays import ActivationDisplay, ScheduleDisplay
from skdeep.inspection._grad_cam import grad_cam
from skdeep.inspection._grad_cam_display import GradCAMDisplay
from skdeep.inspection._lr_range import LRRangeDisplay, lr_range_test
from skdeep.inspection._network_display import NetworkDisplay
from skdeep.inspection._search_display import SearchDisplay
from skdeep.inspection._summary import summary
from skdeep.inspection._top_losses import top_losses
from skdeep.inspection._training_curve import TrainingCurveDisplay

__all__ = [
    "ActivationDisplay",
    "AugmentationDisplay",
    "ForwardPassDisplay",
    "GradCAMDisplay",
    "LRRangeDisplay",
    "NetworkDisplay",
    "ScheduleDisplay",
    "SearchDisplay",
    "TrainingCurveDisplay",
    "forward_pass",
    "grad_cam",
    "lr_range_test",
    "summary",
    "top_losses",
]

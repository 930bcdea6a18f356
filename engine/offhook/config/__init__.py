"""``offhook.toml``: every setting, its default, its unit and its range.

A configuration is read once, checked as a whole, and frozen.
"""

from offhook.config.apps import AppConfig
from offhook.config.control import ControlConfig, TelemetryConfig, WebConfig
from offhook.config.doors import AriConfig, DoorsConfig
from offhook.config.mail import MailConfig
from offhook.config.outbound import OutboundConfig, OutboundWebhook
from offhook.config.problems import clipped, problem_in_words
from offhook.config.reading import find_config, load_config, parse_text, parse_toml
from offhook.config.recording import RecordingConfig
from offhook.config.sections import (
    DEFAULT_PATH,
    DEFAULT_SOCKET,
    EMBEDDED_LLM,
    AgentConfig,
    BudgetConfig,
    Config,
    ConversationConfig,
    DaemonConfig,
    Device,
    LlmConfig,
    MetricsConfig,
    SttConfig,
    TenantsConfig,
    ToolsConfig,
    TtsConfig,
    TurnConfig,
    is_path,
    spoken_languages,
)
from offhook.config.services import (
    CostsConfig,
    FallbackConfig,
    ServiceSection,
    SttFallbackConfig,
    SttSecondConfig,
    TtsFallbackConfig,
)
from offhook.config.values import FOLDER, ConfigPath, ModelName, Section

__all__ = [
    "DEFAULT_PATH",
    "DEFAULT_SOCKET",
    "EMBEDDED_LLM",
    "FOLDER",
    "AgentConfig",
    "AppConfig",
    "AriConfig",
    "BudgetConfig",
    "Config",
    "ConfigPath",
    "ControlConfig",
    "ConversationConfig",
    "CostsConfig",
    "DaemonConfig",
    "Device",
    "DoorsConfig",
    "FallbackConfig",
    "LlmConfig",
    "MailConfig",
    "MetricsConfig",
    "ModelName",
    "OutboundConfig",
    "OutboundWebhook",
    "RecordingConfig",
    "Section",
    "ServiceSection",
    "SttConfig",
    "SttFallbackConfig",
    "SttSecondConfig",
    "TelemetryConfig",
    "TenantsConfig",
    "ToolsConfig",
    "TtsConfig",
    "TtsFallbackConfig",
    "TurnConfig",
    "WebConfig",
    "clipped",
    "find_config",
    "is_path",
    "load_config",
    "parse_text",
    "parse_toml",
    "problem_in_words",
    "spoken_languages",
]

"""Who acts: chat models behind LangChain, local models, the player of scripted casts, recording and replay.

LangChain and llama.cpp are imported where a model is opened, not here.
"""

from ._errors import AgentError, Category, ModelFailure, ReplayError, SetupError
from ._langchain import LangChainAgent
from ._local import LocalAgent
from ._make import make_agent
from ._player import Script, ScriptedAgent
from ._prices import ModelPrice, Prices
from ._replay import RecordingAgent, ReplayAgent, recorded_answers
from ._retry import RetryPolicy
from ._settings import Mode, ModelSettings
from ._types import Agent, Answer, Message, ToolCall, ToolSpec

__all__ = [
    "Agent",
    "AgentError",
    "Answer",
    "Category",
    "LangChainAgent",
    "LocalAgent",
    "Message",
    "Mode",
    "ModelFailure",
    "ModelPrice",
    "ModelSettings",
    "Prices",
    "RecordingAgent",
    "ReplayAgent",
    "ReplayError",
    "RetryPolicy",
    "Script",
    "ScriptedAgent",
    "SetupError",
    "ToolCall",
    "ToolSpec",
    "make_agent",
    "recorded_answers",
]

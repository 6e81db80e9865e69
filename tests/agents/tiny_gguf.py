"""The smallest language model that llama.cpp serves: one layer of zeros that always says the same word."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_WIDTH = 32
_UINT32, _FLOAT32, _STRING, _ARRAY, _INT32 = 4, 6, 8, 9, 5
_BYTES, _NORMAL, _CONTROL, _UNKNOWN = 6, 1, 3, 2
_ALIGNMENT = 32
_TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "


def write_tiny_model(path: Path, word: str) -> Path:
    """A model whose every token is this word."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), word.replace(" ", "\u2581")]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTES] * 256, _NORMAL]
    metadata = _header() | {
        "tokenizer.ggml.model": (_STRING, "llama"),
        "tokenizer.ggml.tokens": (_ARRAY, (_STRING, tokens)),
        "tokenizer.ggml.scores": (_ARRAY, (_FLOAT32, [0.0] * len(tokens))),
        "tokenizer.ggml.token_type": (_ARRAY, (_INT32, kinds)),
        "tokenizer.ggml.bos_token_id": (_UINT32, 1),
        "tokenizer.ggml.eos_token_id": (_UINT32, 2),
        "tokenizer.chat_template": (_STRING, _TEMPLATE),
    }
    path.write_bytes(_file(metadata, _tensors(len(tokens))))
    return path


def _header() -> dict[str, tuple[int, Any]]:
    numbers = {
        "context_length": 4096,
        "embedding_length": _WIDTH,
        "block_count": 1,
        "feed_forward_length": _WIDTH,
        "attention.head_count": 1,
        "rope.dimension_count": _WIDTH,
    }
    header: dict[str, tuple[int, Any]] = {"general.architecture": (_STRING, "llama")}
    header |= {f"llama.{name}": (_UINT32, value) for name, value in numbers.items()}
    return header | {"llama.attention.layer_norm_rms_epsilon": (_FLOAT32, 1e-5)}


def _tensors(tokens: int) -> dict[str, tuple[tuple[int, ...], list[float]]]:
    """Every token embeds as ones; the output answers ones with the last token."""
    square = [0.0] * _WIDTH**2
    names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    tensors = {f"blk.0.{name}.weight": ((_WIDTH, _WIDTH), square) for name in names}
    ones = {name: ((_WIDTH,), [1.0] * _WIDTH) for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")}
    output = [0.0] * _WIDTH * (tokens - 1) + [1.0] * _WIDTH
    return {
        "token_embd.weight": ((_WIDTH, tokens), [1.0] * _WIDTH * tokens),
        "output.weight": ((_WIDTH, tokens), output),
        **{f"{name}.weight": tensor for name, tensor in ones.items()},
        **tensors,
    }


def _file(metadata: dict[str, tuple[int, Any]], tensors: dict[str, tuple[tuple[int, ...], list[float]]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(
        _text(name) + struct.pack("<I", kind) + _value(kind, value) for name, (kind, value) in metadata.items()
    )
    data = b""
    for name, (shape, numbers) in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += _padded(struct.pack(f"<{len(numbers)}f", *numbers))
    return _padded(head) + data


def _value(kind: int, value: Any) -> bytes:
    if kind == _STRING:
        return _text(value)
    if kind == _ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(_values(inner, items))
    return struct.pack({_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f"}[kind], value)


def _values(kind: int, items: Iterable[Any]) -> Iterable[bytes]:
    return (_value(kind, item) for item in items)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % _ALIGNMENT)

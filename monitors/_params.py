"""Parameters of plugins: validated once, at construction."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from ..records import Model
from ._errors import SettingError
from ._text import brief

M = TypeVar("M", bound=Model)


def parse_params(model: type[M], params: Mapping[str, Any], owner: str) -> M:
    """``params`` as a checked model. Raises `SettingError` that names the owner, the field and the cause."""
    try:
        return model.model_validate(dict(params))
    except ValidationError as error:
        causes = (f"{'.'.join(map(str, item['loc'])) or 'params'}: {item['msg']}" for item in error.errors())
        raise SettingError(f"{owner}: {brief('; '.join(causes), 500)}") from None

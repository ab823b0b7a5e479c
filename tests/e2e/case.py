# SPDX-License-Identifier: BSD-3-Clause
"""A case: a function that is given a Lab, with a name that says what is shown."""

import dataclasses
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    function: Callable
    root: bool
    seconds: int  # after which it has failed


class Cases(list):
    """The cases of a module, in the order they are declared."""

    def add(self, name, function, root=True, seconds=60):
        self.append(Case(name, function, root, seconds))

    def case(self, name, root=True, seconds=60):
        def declare(function):
            self.add(name, function, root, seconds)
            return function
        return declare

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
    full: bool  # takes minutes: run only where asked for


class Cases(list):
    """The cases of a module, in the order they are declared."""

    def add(self, name, function, root=True, seconds=60, full=False):
        self.append(Case(name, function, root, seconds, full))

    def case(self, name, root=True, seconds=60, full=False):
        def declare(function):
            self.add(name, function, root, seconds, full)
            return function
        return declare

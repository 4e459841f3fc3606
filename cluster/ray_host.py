"""All calls to Ray from outside of its actors: joins a running instance and talks to its supervisor.

`cluster.ray_environment.apply` comes before the import of this module: Ray reads its variables then.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

import ray
from ray._private import worker
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from cluster.addresses import own_address
from cluster.asking import Away, ask_again
from cluster.nodes import check_machines
from cluster.problems import StartProblem, last_words
from cluster.ray_environment import NAMESPACE, check_token
from cluster.ray_instance import check_head, running
from cluster.ray_nodes import end_nodes, living_nodes, on_node
from cluster.ray_supervisor import RAY_SUPERVISOR, SUPERVISOR
from cluster.settings import Settings

CALL_LIMIT_S = 10.0
RETURN_LIMIT_S = 45.0
"""How long a command waits for a supervisor that Ray is just starting again."""
NODES_LIMIT_S = 20.0
LOOK_S = 0.5
FREE_LOOK_S = 0.05
"""Between two looks whether a name is free."""


class RayHost:
    """A driver of the Ray of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connected = False

    def connect(self) -> None:
        """Join the running instance, by its address and never by what an address file says. Raises `StartProblem`."""
        instance = running(self._settings)
        if instance is None or not instance.address:
            raise StartProblem(f"The Ray of {self._settings.data} is not up.")
        check_head(instance)
        check_token(self._settings)
        # The head's words about dead workers are not for whoever runs a command: the supervisor says why a cell ended.
        # Ray prints some of them whatever its settings say.
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        worker.print_to_stdstream = lambda *_, **__: None
        try:
            ray.init(
                address=instance.address, namespace=NAMESPACE, _node_ip_address=own_address(instance.address), log_to_driver=False,
                configure_logging=False, logging_level="ERROR",
            )  # fmt: skip
        except (RayError, RuntimeError, ConnectionError, ValueError) as error:
            raise StartProblem(f"The running Ray at {instance.address} cannot be reached: {last_words(str(error))}") from error
        self._connected = True

    def disconnect(self) -> None:
        """Be no driver any more; what is detached goes on (safe to repeat)."""
        if self._connected:
            self._connected = False
            ray.shutdown()

    def check_nodes(self) -> None:
        """Raises `StartProblem` where the nodes that were joined cannot be used as they are."""
        if self._settings.address:
            check_machines(living_nodes(), self._settings.nodes_share_this_machine, embedded=not self._settings.store)

    def check_free(self) -> None:
        """Raises `StartProblem` where the Ray that was joined serves another data folder: one Ray, one server."""
        try:
            ray.get_actor(SUPERVISOR, namespace=NAMESPACE)
        except ValueError:
            return
        data = self.call("status")["data"]
        if data != str(self._settings.data):
            raise StartProblem(f"The Ray at {self._settings.address} serves {data} already; one Ray has one server.")

    def remove_supervisor(self) -> None:
        """End the supervisor of a Ray that is not ours to end; its cells have ended already. Its name is free when this returns: the next
        start would else find one that is dying."""
        try:
            ray.kill(ray.get_actor(SUPERVISOR, namespace=NAMESPACE), no_restart=True)
        except ValueError:
            return  # there is none: what was wanted
        end = time.monotonic() + CALL_LIMIT_S
        while self.has_actor(SUPERVISOR) and time.monotonic() < end:
            time.sleep(FREE_LOOK_S)

    def end_other_nodes(self) -> list[str]:
        """End the Ray of all nodes but the head's; the addresses of those that are still there."""
        nodes = [node for node in living_nodes() if not node.is_head]
        end_nodes(nodes, NODES_LIMIT_S)
        end = time.monotonic() + NODES_LIMIT_S
        while left := [node.address for node in living_nodes() if not node.is_head]:
            if time.monotonic() > end:
                break
            time.sleep(LOOK_S)
        return left

    def create_supervisor(self) -> None:
        """The detached actor that starts the cells, where there is none. It adopts what runs."""
        options: dict[str, Any] = {"name": SUPERVISOR, "lifetime": "detached", "namespace": NAMESPACE, "get_if_exists": True}
        if self._settings.address:
            # Where this command runs: there are the data folder and the secrets.
            options["scheduling_strategy"] = on_node(ray.get_runtime_context().get_node_id())
        RAY_SUPERVISOR.options(**options).remote(self._settings.model_dump(mode="json"))

    def has_actor(self, name: str) -> bool:
        """Whether an actor of this name runs in our namespace."""
        try:
            ray.get_actor(name, namespace=NAMESPACE)
        except ValueError:
            return False
        return True

    def renew_supervisor(self) -> None:
        """End its process: Ray starts another, with the code that is installed now, and it adopts the cells. Raises `StartProblem`."""
        try:
            ray.kill(ray.get_actor(SUPERVISOR, namespace=NAMESPACE), no_restart=False)
        except (RayError, ValueError) as error:
            raise StartProblem(f"The supervisor cannot be replaced: {last_words(str(error))}") from error

    def call(self, method: str, *arguments: Any, limit_s: float = CALL_LIMIT_S, return_s: float = RETURN_LIMIT_S) -> Any:
        """Call the supervisor, and again where it died meanwhile: Ray starts it anew within seconds, and whatever is asked of it may be
        asked twice. Raises `StartProblem` where it does not come back within `return_s`, or says why not."""
        answer = ask_again(partial(self._once, method, arguments, limit_s), return_s)
        if "problem" in answer:
            raise StartProblem(answer["problem"])
        return answer["value"]

    def _once(self, method: str, arguments: tuple[Any, ...], limit_s: float) -> Any:
        """Raises `Away` where the supervisor is just being restarted."""
        try:
            handle = ray.get_actor(SUPERVISOR, namespace=NAMESPACE)
        except ValueError as error:
            raise StartProblem("There is no supervisor; `warbler up` starts one, and it takes the running cells over.") from error
        try:
            return ray.get(getattr(handle, method).remote(*arguments), timeout=limit_s)
        except GetTimeoutError as error:
            raise Away(f"it has not answered for {limit_s:.0f} s") from error
        except RayActorError as error:
            raise Away(last_words(str(error))) from error
        except RayError as error:
            raise StartProblem(f"The supervisor does not answer: {last_words(str(error))}") from error

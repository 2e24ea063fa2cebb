"""
What the log keeps of a session's options, and how those of a resume are laid over it.

Kept is what plain JSON can say and a resume must know again: sampling, limits, labels,
the texts of the prompt, what is kept of artifacts and of runs, the permission rules, the mode and
how questions are put. So a session that is resumed without a policy is as strict as it was. What
a session was given as an object (tools, a model, an approver, a store) has to be given again,
and so has `command_env`, of which not a value may be written down.

Source:
    SPEC 12.1: options override persisted values; DESIGN 4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import msgspec

from a3s_code.api.agent_sources import NO_AGENTS, AgentSources
from a3s_code.api.budgeting import NONE_KEPT, KeptBudgets
from a3s_code.api.code_options import NO_CODE, CodeOptions
from a3s_code.api.delegation_options import NO_DELEGATION, DelegationOptions
from a3s_code.api.elsewhere import kept, named
from a3s_code.api.planning_options import NO_PLANNING, PlanningOptions
from a3s_code.api.security import kept_provider, kind_of
from a3s_code.api.settings import Compaction, Identity, Limits, Safety, Sampling, Settings, Storage
from a3s_code.api.skill_sources import NO_SOURCES, SkillSources
from a3s_code.errors import A3SError, SandboxUnavailable, StoreError
from a3s_code.harness.confirm import Confirmations
from a3s_code.harness.modes import Mode
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy
from a3s_code.harness.prompt import SystemPromptSlots
from a3s_code.harness.verification.required import Verification
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.kernel.confinement import SandboxPolicy
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.retention import SessionRetentionLimits
from a3s_code.kernel.sandbox_config import SandboxConfig

S = TypeVar("S", bound=msgspec.Struct)


class Rules(msgspec.Struct, frozen=True):
    """A permission policy in the words that it was given in."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    default: str = "ask"


class Recorded(msgspec.Struct, frozen=True):
    """
    Attributes:
        policy: None when the session had the default policy.
        confirmations: None when it had no `ConfirmationPolicy`.
        mode: The permission mode; None when none was given.
        sandbox: None when it had the default level.
        security: Its provider: `default`, `custom`, or empty when it had none.
        elsewhere: Where its command lines ran; empty for this machine's own system.
        image: What that was, where it can be kept.
        skills: Where its skills came from; they are loaded again.
        fs_context: The directory whose files were context; None when nothing was said of it.
        agent_style: In which its runs went about their work; None when nothing was said of it.
        memory_dir: Where it remembered; empty for in its process, or in an object of the host.
        verification: What had to pass before a run was done; None when nothing had to.
        budgets: What it could use up.
        agents: Whom it could delegate to, and which agent it was itself; files are read again.
    """

    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    identity: Identity = Identity()
    slots: SystemPromptSlots = SystemPromptSlots()
    compaction: Compaction = Compaction()
    policy: Rules | None = None
    mode: Mode | None = None
    confirmations: Confirmations | None = None
    artifacts: ArtifactStoreLimits | None = None
    retention: SessionRetentionLimits | None = None
    sandbox: SandboxPolicy | None = None
    security: str = ""
    elsewhere: str = ""
    image: SandboxConfig | None = None
    skills: SkillSources = NO_SOURCES
    fs_context: str | None = None
    code: CodeOptions = NO_CODE
    memory_dir: str = ""
    agent_style: str | None = None
    planning: PlanningOptions = NO_PLANNING
    verification: Verification | None = None
    budgets: KeptBudgets = NONE_KEPT
    agents: AgentSources = NO_AGENTS
    delegation: DelegationOptions = NO_DELEGATION

    @classmethod
    def of(cls, settings: Settings) -> Recorded:
        """Give what is kept of `settings`."""
        return cls(
            sampling=settings.sampling,
            limits=settings.limits,
            identity=settings.identity,
            slots=settings.slots,
            compaction=settings.compaction,
            policy=_rules(settings.safety.policy),
            mode=settings.safety.mode,
            confirmations=settings.safety.confirmations,
            artifacts=settings.storage.artifacts,
            retention=settings.storage.retention,
            sandbox=settings.safety.sandbox,
            security=kind_of(settings.safety.security),
            elsewhere=named(settings.safety.elsewhere),
            image=kept(settings.safety.elsewhere),
            skills=settings.skills,
            fs_context=settings.fs_context,
            code=settings.code,
            memory_dir=settings.memory.kept,
            agent_style=settings.agent_style,
            planning=settings.planning,
            verification=settings.verification,
            budgets=settings.budgets.kept,
            agents=settings.agents,
            delegation=settings.delegation,
        )

    @classmethod
    def read(cls, written: JsonObject) -> Recorded:
        """
        Take what `written_form` gave; what a later version added is left out.

        Raises:
            StoreError: it is something else.
        """
        try:
            return msgspec.convert(written, cls)
        except msgspec.ValidationError as error:
            raise StoreError(f"The options in the log cannot be read: {error}.") from error

    def written_form(self) -> JsonObject:
        """Give it as a log holds it once it is read again: plain JSON, without secrets."""
        return msgspec.json.decode(msgspec.json.encode(self, order="deterministic"))

    def under(self, given: Settings) -> Settings:
        """
        Give the settings of a session that goes on: what is given again wins.

        Raises:
            StoreError: the rules are none for this version.
            SandboxUnavailable: its command lines ran where only an object of the host leads.
        """
        return replace(
            given,
            sampling=_over(given.sampling, self.sampling),
            limits=_over(given.limits, self.limits),
            identity=_over(given.identity, self.identity),
            slots=_over(given.slots, self.slots),
            compaction=_over(given.compaction, self.compaction),
            safety=self._safety(given.safety),
            storage=self._storage(given.storage),
            skills=_over(given.skills, self.skills),
            fs_context=self.fs_context if given.fs_context is None else given.fs_context,
            code=_over(given.code, self.code),
            memory=given.memory.over(self.memory_dir),
            agent_style=given.agent_style or self.agent_style,
            planning=_over(given.planning, self.planning),
            verification=given.verification or self.verification,
            budgets=given.budgets.over(self.budgets),
            agents=_over(given.agents, self.agents),
            delegation=_over(given.delegation, self.delegation),
        )

    def _storage(self, given: Storage) -> Storage:
        artifacts, retention = given.artifacts, given.retention
        return replace(
            given,
            artifacts=self.artifacts if artifacts is None else artifacts,
            retention=self.retention if retention is None else retention,
        )

    def _mode(self, given: Safety) -> Mode | None:
        """A policy that is given again is not laid under a mode that allowed everything."""
        stricter = given.never_permissive or given.policy is not None
        lapsed = stricter and self.mode is Mode.PERMISSIVE
        return self.mode if given.mode is None and not lapsed else given.mode

    def _safety(self, given: Safety) -> Safety:
        given = replace(
            given, mode=self._mode(given), security=kept_provider(given.security, self.security)
        )
        if given.sandbox is None:
            given = replace(given, sandbox=self.sandbox, elsewhere=self._elsewhere())
        if given.confirmations is None and self.confirmations is not None:
            given = replace(given, confirmations=self.confirmations)
        if given.policy is not None or self.policy is None:
            return given
        policy = _policy(self.policy)
        if given.never_permissive and policy == PermissionPolicy.permissive().compile():
            return given
        return replace(given, policy=policy)

    def _elsewhere(self) -> SandboxConfig | None:
        if self.elsewhere and self.image is None:
            raise SandboxUnavailable(
                f"The commands of this session ran elsewhere ({self.elsewhere}).",
                hint="give sandbox again, or another one",
            )
        return self.image


def _over(given: S, kept: S) -> S:
    """Give what is in `given`, and what is in `kept` where nothing was given."""
    said = msgspec.structs.asdict(given).items()
    return msgspec.structs.replace(kept, **{name: it for name, it in said if it is not None})


def _rules(policy: CompiledPolicy | None) -> Rules | None:
    if policy is None:
        return None
    allow, deny, ask = (
        tuple(rule.source for rule in rules) for rules in (policy.allow, policy.deny, policy.ask)
    )
    return Rules(allow, deny, ask, policy.default)


def _policy(rules: Rules) -> CompiledPolicy:
    given = PermissionPolicy(rules.allow, rules.deny, rules.ask, rules.default)
    try:
        return given.compile()
    except A3SError as error:
        raise StoreError(
            f"The permission rules in the log cannot be read: {error}",
            hint="give the session a permission_policy",
        ) from error

"""Makes tokens, good, bad and nearly so, and holds the service's verdict on each against joserfc's."""

import argparse
import json
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, islice
from pathlib import Path
from random import Random

from drafts import Draft, honest, text
from mutations import SIGNATURE_FORMS, mutate
from oracle import RelyingParty, Verdict
from rules import LENIENCIES, REFUSALS, Facts
from worlds import World, make_worlds

# Tokens sent at a time. The answers to two such batches fit into a pipe, so that neither side waits for ever.
BATCH = 50
# What a run of at least this many tokens must reach, to have compared anything.
LARGE_RUN = 2_000
SMALLEST_ACCEPTED_SHARE = 0.10
FAILURES_SHOWN = 10


@dataclass
class Case:
    world: World
    token: bytes
    trail: list[str]


@dataclass
class Finding:
    """What came of one token."""

    case: Case
    # The line that token-verdicts answered.
    answer: str
    joserfc: Verdict
    refusals: list[str]
    # What the disagreement comes from; empty where there is none, None where nothing explains it.
    explanation: str | None
    problem: str = ""

    @property
    def accepted(self) -> bool:
        return self.answer.startswith("accepted ")


class Service:
    """The service's token validation, in a process of its own."""

    def __init__(self, program: str, world: World, configuration: Path):
        configuration.write_text(json.dumps(world.configuration()))
        self.process = subprocess.Popen(
            [program, str(configuration)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, cases: list[Case]) -> None:
        assert self.process.stdin
        self.process.stdin.write("".join(case.token.hex() + "\n" for case in cases))
        self.process.stdin.flush()

    def receive(self, count: int) -> list[str]:
        assert self.process.stdout
        answers = [self.process.stdout.readline().rstrip("\n") for _ in range(count)]
        if not all(answer.split(" ")[0] in ("accepted", "refused") for answer in answers):
            raise SystemExit("compare.py: token-verdicts gave no verdict")
        return answers

    def end(self) -> None:
        self.process.communicate()
        if self.process.returncode != 0:
            raise SystemExit(f"compare.py: token-verdicts ended with status {self.process.returncode}")


def examine(case: Case, answer: str, party: RelyingParty) -> Finding:
    """Decides whether both verdicts on a token go together."""
    joserfc = party.judge(case.token)
    facts = Facts(case.token, case.world)
    fired = [rule for rule in REFUSALS if rule.fires(facts)]
    finding = Finding(case, answer, joserfc, [rule.name for rule in fired], "")
    if finding.accepted and finding.refusals:
        fail(finding, "we accept what must be refused: " + ", ".join(finding.refusals))
    elif finding.accepted and joserfc.accepted:
        if answer != "accepted " + joserfc.subject.encode("utf-8", "surrogatepass").hex():
            fail(finding, f"we read another subject than joserfc, which reads {joserfc.subject!r}")
    elif not finding.accepted and joserfc.accepted:
        finding.explanation = next(iter(finding.refusals), None)
        if finding.explanation is None:
            fail(finding, "we refuse what joserfc accepts, and no rule says why")
    elif finding.accepted:
        finding.explanation = leniency(case, facts, party)
        if finding.explanation is None:
            fail(finding, "we accept what joserfc refuses, and no rule says why")
    return finding


def fail(finding: Finding, problem: str) -> None:
    finding.problem = problem
    finding.explanation = None


def leniency(case: Case, facts: Facts, party: RelyingParty) -> str | None:
    """The fewest rules that joserfc has to be without to accept the token."""
    names = [rule.name for rule in LENIENCIES if rule.fires(facts)]
    for size in range(1, len(names) + 1):
        for some in combinations(names, size):
            if party.judge(case.token, without=some).accepted:
                return ", ".join(some)
    return None


def make_cases(worlds: list[World], count: int, seed: int) -> Iterator[Case]:
    for index in range(count):
        # Each token has a sequence of its own: signatures are never the same twice, and may be of different length.
        random = Random(f"{seed}/{index}")
        # The configuration that most installations have gets most of the tokens.
        world = random.choices(worlds, (5, 3, 2))[0]
        draft = honest(world, random)
        mutate(draft, random)
        yield Case(world, draft.render(), draft.trail)


class Progress:
    """A bar, where somebody is looking."""

    WIDTH = 40

    def __init__(self, total: int):
        self.total = total
        self.is_shown = sys.stdout.isatty()

    def show(self, done: int) -> None:
        if not self.is_shown:
            return
        filled = self.WIDTH * done // self.total
        bar = "#" * filled + "." * (self.WIDTH - filled)
        print(f"\r[{bar}] {done:,} of {self.total:,}", end="\n" if done == self.total else "", flush=True)


@dataclass
class Report:
    total: int = 0
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    decisive: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    # Of the tokens that we accept.
    algorithms: Counter[str] = field(default_factory=Counter)
    failures: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        self.total += 1
        ours = "accepted" if finding.accepted else "refused"
        joserfc = "accepted" if finding.joserfc.accepted else "refused"
        explanation = "UNEXPLAINED" if finding.explanation is None else finding.explanation
        self.outcomes[ours, joserfc, explanation] += 1
        self.fired.update(finding.refusals)
        if finding.accepted:
            self.algorithms[Facts(finding.case.token, finding.case.world).algorithm or "?"] += 1
        else:
            self.reasons[finding.answer.removeprefix("refused ")] += 1
        if finding.joserfc.accepted:
            self.decisive.update(finding.refusals)
            if len(finding.refusals) == 1:
                self.alone.update(finding.refusals)
        if finding.accepted and not finding.joserfc.accepted and finding.explanation:
            self.fired.update(finding.explanation.split(", "))
        if finding.explanation is None:
            self.failures.append(finding)

    @property
    def accepted(self) -> int:
        return sum(self.algorithms.values())

    def print(self) -> None:
        print(f"\n{'ours':<9} {'joserfc':<9} {'count':>8}  explained by")
        for (ours, joserfc, explanation), count in sorted(self.outcomes.items(), key=lambda item: (item[0][:2], -item[1])):
            print(f"{ours:<9} {joserfc:<9} {count:>8,}  {explanation or 'nothing to explain'}")
        print("\nA rule fired; joserfc accepts the token; it is the only rule to refuse it:")
        for rule in REFUSALS:
            print(f"{self.fired[rule.name]:>8,} {self.decisive[rule.name]:>7,} {self.alone[rule.name]:>7,}  "
                  f"{rule.name}: {rule.because}{self.remark(rule.name)}")
        print("\nJoserfc refuses, and we accept:")
        for rule in LENIENCIES:
            print(f"{self.fired[rule.name]:>8,}  {rule.name}: {rule.because}{self.remark(rule.name)}")
        print("\nWhy we refused: " + ", ".join(f"{name} {count:,}" for name, count in self.reasons.most_common()))
        print("What we accepted: " + ", ".join(f"{name} {count:,}" for name, count in self.algorithms.most_common()))

    def remark(self, name: str) -> str:
        return "" if self.fired[name] else "  [NEVER FIRED]"


def print_failure(finding: Finding, configuration: Path) -> None:
    print(f"\n{finding.problem}\n"
          f"  ours:          {finding.answer}\n"
          f"  joserfc:       {'accepted' if finding.joserfc.accepted else 'refused ' + finding.joserfc.reason}\n"
          f"  rules:         {', '.join(finding.refusals) or 'none'}\n"
          f"  world:         {finding.case.world.name}")
    for step in finding.case.trail:
        print(f"  mutation:      {step}")
    print(f"  token:         {finding.case.token!r}\n"
          f"  to repeat it:  echo {finding.case.token.hex()} | token-verdicts '{configuration}'")


class Run:
    def __init__(self, program: str, directory: Path):
        directory.mkdir(parents=True, exist_ok=True)
        self.program = program
        listing = subprocess.run([program, "--algorithms"], check=True, capture_output=True, text=True)
        self.supported = listing.stdout.split()
        self.worlds = make_worlds(self.supported)
        self.parties = {world.name: RelyingParty(world) for world in self.worlds}
        self.configurations = {
            world.name: directory / f"{world.name.replace(' ', '-')}.json" for world in self.worlds}
        self.services = {
            world.name: Service(program, world, self.configurations[world.name]) for world in self.worlds}

    def send(self, cases: list[Case]) -> None:
        for name, service in self.services.items():
            service.send([case for case in cases if case.world.name == name])

    def examine(self, cases: list[Case]) -> list[Finding]:
        """Of cases that were sent, in their order."""
        names = [case.world.name for case in cases]
        answers = {name: iter(service.receive(names.count(name))) for name, service in self.services.items()}
        return [examine(case, next(answers[name]), self.parties[name]) for case, name in zip(cases, names, strict=True)]

    def end(self) -> None:
        for service in self.services.values():
            service.end()

    def compare(self, count: int, seed: int) -> Report:
        report, progress = Report(), Progress(count)
        cases = make_cases(self.worlds, count, seed)
        sent: list[Case] = []
        while report.total < count:
            # The service judges these while joserfc judges those before.
            batch = list(islice(cases, BATCH))
            self.send(batch)
            for finding in self.examine(sent):
                report.add(finding)
            sent = batch
            progress.show(report.total)
        self.end()
        return report


def compare(run: Run, count: int, seed: int) -> bool:
    print(f"Seed {seed}, {count:,} tokens; the service knows {', '.join(run.supported)}")
    report = run.compare(count, seed)
    report.print()
    for finding in report.failures[:FAILURES_SHOWN]:
        print_failure(finding, run.configurations[finding.case.world.name])
    if report.failures:
        print(f"\n{len(report.failures):,} disagreements have no explanation. The same mutations again: --seed {seed}")
        return False
    share = report.accepted / count
    print(f"{share:.1%} of the tokens were accepted.")
    is_thin = share < SMALLEST_ACCEPTED_SHARE or set(report.algorithms) != set(run.supported)
    if count >= LARGE_RUN and is_thin:
        print("That is not enough for a comparison, or an algorithm was not accepted once.")
        return False
    return True


def self_test(run: Run) -> bool:
    """Whether the comparison notices a verdict that is wrong, and does not object to the same token's right one."""
    world = run.worlds[0]

    def draft() -> Draft:
        good = Draft(world, Random(0), world.signers[0])
        good.header.set("alg", text("RS256"))
        good.header.set("kid", text(world.signers[0].key_id))
        for name, value in {"iss": world.issuer, "aud": world.audiences, "sub": "alice", "exp": world.now + 1}.items():
            good.payload.set(name, text(value))
        return good

    good, forged, doubled = draft(), draft(), draft()
    forged.signatures.append(SIGNATURE_FORMS["reversed"])
    doubled.payload.append(doubled.payload[0])
    alice, mallory = "alice".encode().hex(), "mallory".encode().hex()
    wrong_answers = [
        ("an honest token that we refuse", good, "refused expired"),
        ("a forged token that we accept", forged, f"accepted {alice}"),
        ("a doubled claim that we accept as joserfc does", doubled, f"accepted {alice}"),
        ("another subject than joserfc's", good, f"accepted {mallory}"),
    ]
    passed = True
    for title, token, wrong in wrong_answers:
        case = Case(world, token.render(), [])
        run.send([case])
        right = run.examine([case])[0]
        noticed = examine(case, wrong, run.parties[world.name]).explanation is None
        fine = noticed and right.explanation is not None
        passed = passed and fine
        print(f"{'noticed' if fine else 'NOT NOTICED'}: {title} (the true answer: {right.answer})")
    run.end()
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(prog="compare.py", description=__doc__)
    parser.add_argument("--program", required=True, help="path of token-verdicts")
    parser.add_argument("--directory", required=True, type=Path, help="for the configurations of token-verdicts")
    parser.add_argument("--count", type=int, default=20_000, help="tokens to make (default 20000)")
    parser.add_argument("--seed", type=int, help="a number that repeats an earlier run's mutations (keys are always new)")
    parser.add_argument("--self-test", action="store_true", help="whether wrong verdicts are noticed, and nothing else")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")
    run = Run(arguments.program, arguments.directory)
    if arguments.self_test:
        return 0 if self_test(run) else 1
    seed = secrets.randbelow(1 << 32) if arguments.seed is None else arguments.seed
    return 0 if compare(run, arguments.count, seed) else 1


if __name__ == "__main__":
    sys.exit(main())

"""The command `fleet-sim boxes`."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import click

from fleet_sim.commands.options import (
    LiveCommandOptions,
    broker_option,
    check_platform_url,
    choose_seed,
    control_option,
    credential_options,
    identities_of,
    live_options,
    platform_url_option,
    processes_option,
    warn_of_demo_secret,
)
from fleet_sim.commands.serving import outputs_in_background
from fleet_sim.runs.live.boxes import (
    LACKS,
    NO_CUSTOMERS,
    ONE_PROCESS,
    ServeOptions,
    serve_boxes,
    truth_directory,
)
from fleet_sim.runs.live.credentials import CredentialOptions
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.shard_number import parse_shard
from fleet_sim.runs.live.spread import NO_DRILLS, spread_boxes
from fleet_sim.runs.live.stop import run_loop
from fleet_sim.runs.progress import progress_on
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.profiles.loading import load_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxesOptions(LiveCommandOptions):
    """The options of `fleet-sim boxes`."""

    broker: str
    box_credentials: CredentialOptions
    shard: str
    out: Path | None
    control: Path | None
    platform_url: str | None
    processes: int | None


@click.command()
@broker_option
@click.option(
    "--shard",
    default="1/1",
    show_default=True,
    metavar="K/N",
    help="Take every N-th car, from the K-th: for several machines, or pods. In a pod of a"
    " StatefulSet or an indexed Job pod/N takes the pod's own number.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write what each fault did to whom into DIRECTORY/ground_truth.jsonl. Default: nowhere.",
)
@control_option
@platform_url_option(
    "The scenario's customers rent these cars at the platform at this http:// or https:// URL,"
    " with tokens of the fleet's secret. Default: nobody rents them."
)
@credential_options
@processes_option
@live_options(BoxesOptions)
def boxes(options: BoxesOptions) -> None:
    """Run only the boxes of SCENARIO, until SIGTERM or Ctrl-C.

    \b
    fleet-sim boxes scenarios/quiet_city.yaml --broker mqtt://localhost:1883
    fleet-sim boxes big.yaml --broker mqtt://b1:1883,mqtt://b2:1883 --processes 4
    fleet-sim boxes big.yaml --broker mqtt://b1:1883,mqtt://b2:1883 --shard 2/4
    fleet-sim boxes big.yaml --broker mqtt://b-{0..9}.b:1883 --shard pod/10
    fleet-sim boxes my.yaml --broker mqtt://staging --control /tmp/boxes.sock --out drill
    fleet-sim boxes my.yaml --broker mqtt://staging --profile ovms
    fleet-sim boxes my.yaml --broker mqtt://staging --platform http://staging:8080
    fleet-sim boxes my.yaml --broker mqtts://fleet@staging:8883 --ca-file ca.pem \\
        --broker-password-file fleet.password \\
        --box-user {vehicle_id} --box-password-file secrets/{vehicle_id}

    SCENARIO needs no load. Faults begin when all boxes are connected. The start and end of each
    fault are printed. With --control you can inject more faults at run time: fleet-sim inject
    --help.

    With credentials for each box the broker can tell the boxes apart, so that you can test access
    rules. The null box and the SMS centre, which wakes boxes, stay the user in --broker.
    """  # noqa: D301 - click's own escape
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the loop takes both
    brokers = Brokers.parse(options.broker).with_password(options.broker_password)
    options.box_credentials.check(is_tls=brokers.is_tls)
    part = parse_shard(options.shard)
    loaded = load_scenario(
        options.scenario, options.scenario_overrides(), lacks=LACKS, needs_load=False
    )
    said: list[str] = []  # whoever reads our output may sleep, and the fork comes first
    seed = choose_seed(options.seed, loaded, said.append)
    fleet = _fleet_options(options, loaded, brokers, part, seed=seed)
    platform_url = options.platform_url
    serving = ServeOptions(
        shard=part,
        directory=None if options.out is None else truth_directory(options.out),
        control=options.control,
        platform_url=platform_url,
    )
    if platform_url is not None:
        check_platform_url(platform_url)
        if loaded.customers is None:
            raise ConfigError([NO_CUSTOMERS])
    with (
        spread_boxes(loaded, fleet, processes=options.processes, of=part) as workers,
        outputs_in_background() as (_, errors, console),
    ):
        for line in said:
            console.print(line)
        if workers and options.control is not None:
            raise ConfigError([NO_DRILLS])
        if platform_url is not None and (workers or part != (1, 1)):
            raise ConfigError([ONE_PROCESS])
        warn_of_demo_secret(options.fleet_secret, brokers, lambda text: errors.write(f"{text}\n"))
        serving = replace(serving, workers=workers)
        with closing(progress_on(console)) as progress:
            run_loop(lambda: serve_boxes(loaded, fleet, serving, progress))


def _fleet_options(
    options: BoxesOptions, scenario: Scenario, brokers: Brokers, part: tuple[int, int], *, seed: int
) -> FleetOptions:
    return FleetOptions(
        brokers=brokers,
        seed=seed,
        fleet_secret=options.fleet_secret,
        profile=load_profile(scenario.fleet.profile),
        tls=options.tls.context_for(brokers),
        identity_of=identities_of(scenario, options.box_credentials, ca_file=options.tls.ca_file),
        wait_s=options.wait_s,
        with_null_box=part[0] == 1,
        name=f"sms-centre-{part[0]}-of-{part[1]}",
    )

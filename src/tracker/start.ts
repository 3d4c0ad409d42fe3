// A tracker's start: what has to be valid and read before the tracker is made (tracker.ts). Called by program.ts with valid
// settings.
import type { Schema } from '../config/schema.ts'
import { setLog } from '../log/log.ts'
import { descriptorLimit } from '../os/tcp-port.ts'
import { identityFor } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'
import { setPeersPerAddress } from '../swarm/memory.ts'
import { reserveSwarms } from '../swarm/reserve.ts'
import { readCluster } from './cluster.ts'
import { noticesOf } from './notices.ts'
import { openPersistence } from './persistence.ts'
import { kindsOf, placeOf } from './place.ts'
import { enabledOf } from './protocol.ts'
import { Tracker, type TrackerProgram, type TrackerRun } from './tracker.ts'

/** Resolves once the tracker serves. */
export async function runTracker<S extends Schema>(
  program: TrackerProgram<S>,
  run: TrackerRun<S>,
): Promise<void> {
  const { config } = run
  signals.opening()
  setLog(config.log_level, config.log_format)
  const identity = identityFor(config.privileges)
  const tell = noticesOf(program.name)
  const types = enabledOf(program.protocols, config)
  const plans = types.map((type) => ({ type, plan: type.prepare(config, tell) }))
  const kinds = kindsOf(types)
  const swarmWorkers = plans.reduce((sum, { plan }) => sum + plan.swarmWorkers, 0)
  const swarms = reserveSwarms(config.limits, swarmWorkers, kinds)
  // Before a snapshot is read, to which it applies too.
  setPeersPerAddress(swarms, config.source_limits.peers_per_torrent ?? 0)
  const persisted = await openPersistence(config, swarms, {
    program: program.name,
    forms: types.map((type) => type.persists),
    known: program.protocols.map((type) => type.persists),
    identity,
  })
  const cluster = await readCluster(config)
  const parts = { identity, swarms, persisted, kinds, swarmWorkers, cluster }
  const tracker = new Tracker(program, run, parts)
  tracker.open((process) => {
    const descriptors = descriptorLimit()
    return plans.map(({ plan }, index) =>
      plan.open(process, placeOf(plans, { index, descriptors, tell })),
    )
  })
  await tracker.serve()
}

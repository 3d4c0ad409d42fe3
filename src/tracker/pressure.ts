// The watch on a tracker's ceilings (pressure/watch.ts), by what its protocols use. Used by tracker.ts.
import type { SampledClients } from '../census/census.ts'
import { logFor } from '../log/log.ts'
import { PressureWatch } from '../pressure/watch.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { Protocol } from './protocol.ts'
import { type CommonConfig, PEER_AGE_SEC_MAX } from './settings.ts'

/** `sampled`: the clients that are counted forget peers at the age of the swarms; null if none are. */
export function watchPressure(
  config: CommonConfig,
  swarms: SwarmBuffers,
  sampled: SampledClients | null,
  protocols: () => readonly Pick<Protocol<never>, 'use'>[],
): PressureWatch {
  return new PressureWatch({
    config,
    swarms,
    protocols: () => protocols().map((protocol) => protocol.use()),
    ageMax: PEER_AGE_SEC_MAX,
    aged: (seconds) => sampled?.reader.setMaxAge(seconds),
    log: logFor('pressure'),
  })
}

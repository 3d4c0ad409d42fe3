// The tracker as a test has it (--test): what src/test-mode/ needs of it. Called by tracker.ts at the end of the start. Owns
// nothing.
import type { RunContext } from '../config/cli.ts'
import type { Schema } from '../config/schema.ts'
import type { Workers } from '../process/workers.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import { beginTest as beginSession } from '../test-mode/session.ts'
import { TEST } from '../test-mode/settings.ts'
import { kindsOf } from './place.ts'
import type { Protocol, ProtocolType } from './protocol.ts'
import type { CommonConfig } from './settings.ts'
import { SwarmFigures } from './swarm-figures.ts'

interface Tested<C> {
  readonly protocols: readonly Protocol<C>[]
  readonly workers: Workers
  readonly swarms: SwarmBuffers
  readonly version: string
}

export function isTest({ values }: Pick<RunContext<Schema>, 'values'>): boolean {
  return values.has(TEST.name)
}

/** Resolves once the test has been told where the tracker is. */
export function beginTest<C extends CommonConfig>(
  program: { readonly metricPrefix: string; readonly protocols: readonly ProtocolType<C>[] },
  config: C,
  { protocols, workers, swarms, version }: Tested<C>,
): Promise<void> {
  const named = protocols.map((protocol) => ({ protocol, name: protocol.name ?? '' }))
  const figures = new SwarmFigures(swarms, program.metricPrefix, kindsOf(program.protocols))
  const { max_peer_age, interval } = config.cleaning
  return beginSession({
    version,
    addresses: new Map(named.map(({ protocol, name }) => [name, protocol.addresses])),
    unsuitable: named.flatMap(({ name }) => unsuitableOf(name, config)),
    swarms: attachSwarms(swarms, config.protocol.count_downloads),
    maxPeerAge: max_peer_age,
    cleaningInterval: interval,
    families: () => [
      ...protocols.flatMap((protocol) => protocol.figures.families()),
      ...figures.families(),
    ],
    beats: () => workers.beats(),
    stop: () => workers.stop(),
  })
}

/** The relays speak plainly, and name no client. */
function unsuitableOf(name: string, config: object): string[] {
  const { network = {} } = (config as Record<string, { network?: Record<string, unknown> }>)[name]
  const title = `[${name}.network]`
  return [
    ...(network.use_tls === true ? [`${title} use_tls`] : []),
    ...((network.proxy_protocol ?? 'off') === 'off' ? [] : [`${title} proxy_protocol`]),
  ]
}

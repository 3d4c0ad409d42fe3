// Opens what a tracker persists for its protocols, as each says: the swarms with the secret of the connection
// ids, the counts of completed downloads, or both. Called by tracker.ts at startup, before any worker uses the
// swarms.
import { randomBytes } from 'node:crypto'
import { logFor } from '../log/log.ts'
import type { Identity } from '../os/privileges.ts'
import { CountState } from '../persistence/count-state.ts'
import { Folder } from '../persistence/folder.ts'
import { SECRET_BYTES } from '../persistence/key.ts'
import { Persistence } from '../persistence/persistence.ts'
import { SwarmState } from '../persistence/swarm-state.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import type { CommonConfig } from './settings.ts'

/** Peers known by their addresses survive a restart; of others, only their completed downloads do. */
export type PersistedForm = 'swarms' | 'counts'

export interface PersistedParts {
  /** Null when nothing is persisted. */
  readonly persistence: Persistence | null
  readonly secret: Uint8Array
  readonly counts: CountState | null
}

export interface OpenOptions {
  /** The executable, after which the files are named. */
  readonly program: string
  /** Those of the enabled protocols. */
  readonly forms: readonly PersistedForm[]
  /** Those of all protocols that it can serve. */
  readonly known: readonly PersistedForm[]
  /** Who the process becomes; null when it keeps its rights. */
  readonly identity: Identity | null
}

export async function openPersistence(
  config: CommonConfig,
  buffers: SwarmBuffers,
  { program, forms, known, identity }: OpenOptions,
): Promise<PersistedParts> {
  const secret = randomBytes(SECRET_BYTES)
  const { persistence, protocol, cleaning, limits, privileges } = config
  if (persistence.path === '') return { persistence: null, secret, counts: null }
  const { count_downloads } = protocol
  const swarms = attachSwarms(buffers, count_downloads)
  const swarmState = forms.includes('swarms')
    ? new SwarmState(swarms, cleaning.max_peer_age, count_downloads, secret)
    : null
  const counts = forms.includes('counts')
    ? new CountState(swarms, count_downloads, limits.max_torrents)
    : null
  const opened = await Persistence.open({
    folder: new Folder(persistence.path, privileges, identity),
    program,
    states: [swarmState, counts].filter((state) => state !== null),
    mayKeepOthers: new Set(known).size > 1,
    intervalMinutes: persistence.interval_minutes,
    takeOver: persistence.take_over,
    log: logFor('persistence'),
  })
  return { persistence: opened, secret: swarmState?.secret ?? secret, counts }
}

// What a tracker keeps over a restart for its protocols, by the kinds of peers they have: the swarms and the
// secret of the connection ids, or the counts of completed downloads. Called by tracker.ts at the start,
// before anybody serves from the swarms. Owns nothing.
import { randomBytes } from 'node:crypto'
import { logFor } from '../log/log.ts'
import type { Identity } from '../os/privileges.ts'
import { CountState } from '../persistence/count-state.ts'
import { Folder } from '../persistence/folder.ts'
import { type PersistedState, Persistence } from '../persistence/keeper.ts'
import { SECRET_BYTES } from '../persistence/key.ts'
import { SwarmState } from '../persistence/swarm-state.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import type { CommonConfig } from './settings.ts'

export interface KeptState {
  /** Null when nothing is kept. */
  readonly persistence: Persistence | null
  readonly secret: Uint8Array
  readonly counts: CountState | null
}

export async function readKeptState(
  config: CommonConfig,
  buffers: SwarmBuffers,
  kinds: readonly PeerKindName[],
  identity: Identity | null,
): Promise<KeptState> {
  const secret = randomBytes(SECRET_BYTES)
  const { persistence, protocol, cleaning, limits } = config
  if (persistence.path === '') return { persistence: null, secret, counts: null }
  const { count_downloads } = protocol
  const swarms = attachSwarms(buffers, count_downloads)
  if (kinds.includes('websocket')) {
    const counts = new CountState(swarms, count_downloads, limits.max_torrents)
    return { persistence: await openPersistence(config, counts, identity), secret, counts }
  }
  const state = new SwarmState(swarms, cleaning.max_peer_age, count_downloads, secret)
  const opened = await openPersistence(config, state, identity)
  return { persistence: opened, secret: state.secret, counts: null }
}

function openPersistence(
  { persistence, privileges }: CommonConfig,
  state: PersistedState,
  identity: Identity | null,
): Promise<Persistence> {
  return Persistence.open({
    folder: new Folder(persistence.path, privileges, identity),
    state,
    intervalMinutes: persistence.interval_minutes,
    takeOver: persistence.take_over,
    log: logFor('persistence'),
  })
}

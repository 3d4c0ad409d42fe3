// What survives a restart of peers that are known by their addresses: the swarms, and the key of the connection
// ids. Made by tracker/persistence.ts for persistence.ts. Owns the secret.
import { bytesText, counted } from '../config/quantities.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { momentNow } from './boot.ts'
import { readKey, writeKey } from './key.ts'
import type { PersistedState, UseFile, WriteRequest } from './persistence.ts'
import { loadSnapshot } from './read.ts'
import { writeSnapshot } from './write.ts'

const KEY_SUFFIX = 'key'

export class SwarmState implements PersistedState {
  readonly suffix = 'snapshot'
  readonly otherSuffixes = [KEY_SUFFIX]
  /** Of the connection ids: the saved one, or else the one passed to the constructor. */
  secret: Uint8Array
  private readonly newSecret: Uint8Array
  private readonly swarms: Swarms
  private readonly maxAge: number
  private readonly countDownloads: boolean

  /** `maxAge`: `[cleaning] max_peer_age`; `secret`: used if none was saved. */
  constructor(swarms: Swarms, maxAge: number, countDownloads: boolean, secret: Uint8Array) {
    this.secret = secret
    this.newSecret = secret
    this.swarms = swarms
    this.maxAge = maxAge
    this.countDownloads = countDownloads
  }

  open(use: UseFile, bootId: Uint8Array): void {
    this.secret = use(KEY_SUFFIX, (path) => readKey(path, momentNow(bootId))) ?? this.secret
  }

  begin(pathOf: (suffix: string) => string, bootId: Uint8Array): Promise<void> {
    return writeKey(pathOf(KEY_SUFFIX), momentNow(bootId), this.secret)
  }

  load(path: string, bootId: Uint8Array): string | null {
    const { swarms, maxAge, countDownloads } = this
    const loaded = loadSnapshot({ path, swarms, now: momentNow(bootId), maxAge, countDownloads })
    if (loaded === null) return null
    const { peers, tooOld, refused, ageSeconds, clockRanBackwards } = loaded
    // At some time, ids issued with the saved one would become valid once more.
    if (clockRanBackwards) this.secret = this.newSecret
    const lost = refused === 0 ? '' : `, ${refused} beyond the limits`
    const age = counted(ageSeconds, 'second')
    const by = clockRanBackwards ? ' by the wall clock, as the monotonic one was set back' : ''
    return `${counted(peers, 'peer')} from a snapshot ${age} old${by} (${tooOld} too old${lost})`
  }

  async write(request: WriteRequest): Promise<string> {
    const { peers, bytes, seconds } = await writeSnapshot({ ...request, swarms: this.swarms })
    return `${counted(peers, 'peer')}, ${bytesText(bytes)}, ${seconds.toFixed(2)} s`
  }
}

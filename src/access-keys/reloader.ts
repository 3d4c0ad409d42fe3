// Keeps the access keys up to date with their file, by list-file/reloader.ts. Created by the tracker
// (tracker/tracker.ts), in the main thread. Owns the keys in force, and what the gates of all workers share.
import { counted } from '../config/quantities.ts'
import { type ListKind, ListReloader, listFaults } from '../list-file/reloader.ts'
import type { Log } from '../log/log.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import type { TroubleSource } from '../process/troubles.ts'
import { type AccessKeys, KEYS_OFF, type KeyGateData } from './gate.ts'
import { createGuessLimits } from './guess-limits.ts'
import { type HashKey, newHashKey } from './key-hash.ts'
import { readKeyFile } from './read-file.ts'
import type { AccessKeyConfig } from './settings.ts'

interface KeysInForce {
  readonly keys: AccessKeys
  readonly count: number
}

const OFF: KeysInForce = { keys: KEYS_OFF, count: 0 }

function keyKind(hashKey: HashKey): ListKind<AccessKeyConfig, KeysInForce> {
  return {
    section: 'access_keys',
    title: 'access keys',
    read: async (path, { mode, unknown_keys_per_minute }) => {
      if (mode === 'off') return OFF
      const { table, keys } = await readKeyFile(path, hashKey)
      const guessesPerMinute = unknown_keys_per_minute
      return { keys: { required: true, table, guessesPerMinute }, count: keys }
    },
    sizeText: ({ count }) => counted(count, 'key'),
  }
}

/** For --check. */
export function accessKeyFaults(config: AccessKeyConfig): Promise<string[]> {
  return listFaults(keyKind(newHashKey()), config)
}

export class AccessKeyReloader extends ListReloader<AccessKeyConfig, KeysInForce> {
  readonly gate: KeyGateData

  constructor(
    config: AccessKeyConfig,
    privileges: PrivilegeConfig,
    log: Log,
    send: (keys: AccessKeys) => void,
  ) {
    const hashKey = newHashKey()
    super(keyKind(hashKey), OFF, config, privileges, log, ({ keys }) => send(keys))
    this.gate = { hashKey, guesses: createGuessLimits() }
  }

  /** The keys in force, with which workers start. */
  get keys(): AccessKeys {
    return this.inForce.keys
  }

  /** The number of keys; null if none is required. */
  get count(): number | null {
    return this.keys.required ? this.inForce.count : null
  }

  /** Reports a list without keys, since a file emptied by mistake is as valid as any other. */
  get emptyTroubleSource(): TroubleSource {
    return {
      name: 'access_keys_empty',
      find: () => {
        if (this.count !== 0) return null
        return {
          severity: 'bad',
          text: 'No client is served, because the file [access_keys] path has no keys.',
          remedy: 'Add keys to it; it is read again when it changes.',
        }
      },
    }
  }
}

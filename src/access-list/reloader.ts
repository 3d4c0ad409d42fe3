// The access list and its file: tells list-file/reloader.ts how to read it. Made by the tracker
// (tracker/tracker.ts), in the main thread. Owns the list in force.
import { counted } from '../config/quantities.ts'
import { type ListKind, ListReloader, listFaults } from '../list-file/reloader.ts'
import type { Log } from '../log/log.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import type { HashKey } from './build.ts'
import { type AccessListData, ALL_ALLOWED, MODE_ALLOW, MODE_DENY } from './list.ts'
import { type ReadList, readListFile } from './read-file.ts'
import type { AccessListConfig } from './settings.ts'

const MODES = { allow: MODE_ALLOW, deny: MODE_DENY }
const OFF: ReadList = { list: ALL_ALLOWED, entries: 0 }

/** `key`: the hash key of the swarms' tables. */
function listKind(key: HashKey): ListKind<AccessListConfig, ReadList> {
  return {
    section: 'access_list',
    title: 'access list',
    read: async (path, { mode }) => {
      return mode === 'off' ? OFF : readListFile(path, MODES[mode], key)
    },
    sizeText: ({ entries }) => counted(entries, 'info hash', 'info hashes'),
  }
}

/** For --check. */
export function accessListFaults(config: AccessListConfig): Promise<string[]> {
  return listFaults(listKind({ key0: 0, key1: 0 }), config)
}

export class AccessListReloader extends ListReloader<AccessListConfig, ReadList> {
  constructor(
    config: AccessListConfig,
    privileges: PrivilegeConfig,
    key: HashKey,
    log: Log,
    send: (list: AccessListData) => void,
  ) {
    super(listKind(key), OFF, config, privileges, log, ({ list }) => send(list))
  }

  /** The list in force, with which workers start. */
  get list(): AccessListData {
    return this.inForce.list
  }

  get entries(): number {
    return this.inForce.entries
  }
}

// The access list and its file: tells list-file/reloader.ts how to read it. Made by the tracker
// (tracker/tracker.ts), in the main thread. Owns the list in force.
import { existsSync } from 'node:fs'
import { counted } from '../config/quantities.ts'
import { type ListKind, ListReloader, listFaults } from '../list-file/reloader.ts'
import type { Log } from '../log/log.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import type { HashKey } from './build.ts'
import { journalOf } from './journal.ts'
import { type AccessListData, ALL_ALLOWED, MODE_ALLOW, MODE_DENY } from './list.ts'
import { type EditOutcome, ListEdits } from './list-edits.ts'
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

/** Between an edit that forbids torrents and telling the workers, to whom a hundred are as one. */
const PURGE_MILLISECONDS = 200

export interface ListEditing {
  /** Single info hashes can be added and removed. */
  readonly isEditable: boolean
  /** Another process still writes the same journal, and this one takes over from it. */
  readonly isBeside: boolean
  /** Called some time after edits that forbid torrents. */
  readonly forbidden: () => void
}

const NOT_EDITABLE: ListEditing = { isEditable: false, isBeside: false, forbidden: () => {} }

export class AccessListReloader extends ListReloader<AccessListConfig, ReadList> {
  private readonly key: HashKey
  private readonly editing: ListEditing
  private isBeside: boolean
  /** Another process may have written the journal. */
  private mustReadEdits = false
  /** Null if there is no list, or none that can be edited. */
  private edits: ListEdits | null = null
  private purgeTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    config: AccessListConfig,
    privileges: PrivilegeConfig,
    key: HashKey,
    log: Log,
    send: (list: AccessListData) => void,
    editing = NOT_EDITABLE,
  ) {
    super(listKind(key), OFF, config, privileges, log, ({ list }) => send(list))
    this.key = key
    this.editing = editing
    this.isBeside = editing.isBeside
  }

  /** The list in force, with which workers start. */
  get list(): AccessListData {
    return this.inForce.list
  }

  /** In its file. */
  get entries(): number {
    return this.inForce.entries
  }

  /** Info hashes that have been edited and are not so in the file; null if that cannot be. */
  get editCount(): number | null {
    return this.edits?.count ?? null
  }

  /** Whether an info hash, in 40 hex digits, is in the list; null if there is none. */
  has(infoHash: string): boolean | null {
    return this.edits?.has(infoHash) ?? null
  }

  /** Adds or removes an info hash; 'off' if there is no list. Throws what the system does if it cannot be kept. */
  edit(infoHash: string, isAdded: boolean): EditOutcome | 'off' {
    const { edits } = this
    if (edits === null) return 'off'
    const outcome = edits.set(infoHash, isAdded)
    if (outcome !== 'changed') return outcome
    const differing = counted(edits.count, 'info hash differs', 'info hashes differ')
    const deed = isAdded ? 'added' : 'removed'
    this.log.info(`access list: ${infoHash} ${deed}; ${differing} from the file`)
    if (isAdded === (this.list.mode === MODE_DENY)) this.purgeSoon()
    if (edits.isCrowded) this.reload('its edits')
    return outcome
  }

  /** The process that this one takes over from has ended, and may have written edits until then. */
  takenOver(): void {
    if (!this.isBeside) return
    this.isBeside = false
    this.mustReadEdits = true
    if (this.edits !== null) this.reload('take-over')
  }

  override stop(): void {
    super.stop()
    clearTimeout(this.purgeTimer)
  }

  override rootChanged(): void {
    super.rootChanged()
    this.edits?.rootChanged(this.path)
  }

  protected override take(read: ReadList, mode: string): void {
    super.take(mode !== 'off' && this.hasEdits() ? this.withEdits(read) : read, mode)
    if (mode !== 'off') return
    this.edits?.close()
    this.edits = null
  }

  /** Edits that were kept are in force even if there can be no more of them. */
  private hasEdits(): boolean {
    return this.editing.isEditable || existsSync(journalOf(this.path))
  }

  private withEdits(read: ReadList): ReadList {
    if (this.edits?.path !== this.path) {
      const { isBeside, editing } = this
      const use = { isBeside, isEditable: editing.isEditable }
      const edits = new ListEdits(this.path, this.key, use, this.edits)
      this.edits?.close()
      this.edits = edits
    } else if (this.mustReadEdits) this.edits.readAgain()
    this.mustReadEdits = false
    return { ...read, list: this.edits.over(read.list) }
  }

  private purgeSoon(): void {
    this.purgeTimer ??= setTimeout(() => {
      this.purgeTimer = undefined
      this.editing.forbidden()
    }, PURGE_MILLISECONDS)
  }
}

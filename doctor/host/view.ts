// What a check may look at, and what it returns. Every check is a pure function of this view, so tests can plant
// any text. Implemented by files.ts for a real host. Used by everything in this folder.
import type { ReceiveQueues } from '../../src/os/network-card.ts'
import type { Finding } from '../finding.ts'
import { type Change, sysctlPath } from './changes.ts'
import type { RunningTracker, Wants } from './wants.ts'

export interface HostView {
  /** A file's text as it is now; null if it is not there or may not be read. */
  read(path: string): string | null
  /** The same file's text when watching began. */
  earlier(path: string): string | null
  /** How long it has been watched. */
  readonly seconds: number
  /** The names in a folder, in order; none if it is not there. */
  list(folder: string): readonly string[]
  /** Where a symbolic link points to; null if it is none. */
  link(path: string): string | null
  /** What a command prints; null if there is no such command, or it may not be used. */
  output(command: readonly string[]): string | null
  /** Whether the kernel's clock is synchronised; null if that cannot be told. */
  clockIsSynchronised(): boolean | null
  /** The receive ring of a network card, in packets; null if it has none that can be read. */
  receiveRing(card: string): Ring | null
  /** The queues of a network card; null if it does not tell. */
  receiveQueues(card: string): ReceiveQueues | null
}

export interface Ring {
  readonly size: number
  readonly sizeMax: number
}

/** What is to be judged: a host, for what the settings ask of it, with the trackers that run on it. */
export interface Subject {
  readonly host: HostView
  readonly wants: Wants
  readonly trackers: readonly RunningTracker[]
}

export interface HostFinding extends Finding {
  /** What --apply does about it. The remedy has the same as commands. */
  readonly changes?: readonly Change[]
}

export type Check = (subject: Subject) => readonly HostFinding[]

/** A whole number that is a file's text; null if there is none. */
export function numberIn(host: HostView, path: string): number | null {
  const text = host.read(path)?.trim()
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : null
}

export function sysctlNumber(host: HostView, key: string): number | null {
  return numberIn(host, sysctlPath(key))
}

/** What cannot be read is said, never guessed. */
export function unknown(name: string, what: string, path: string): HostFinding {
  return { name, severity: 'note', text: `${what} is unknown: ${path} cannot be read here.` }
}

/** A counter that only grows: since the system started, and while it was watched. */
export interface Counter {
  readonly total: number
  readonly grown: number
  /** While it was watched. */
  readonly perSecond: number
}

/** `read` finds the counter in the file's text; null if it is not there. */
export function counter(
  host: HostView,
  path: string,
  read: (text: string) => number | null,
): Counter | null {
  const now = host.read(path)
  const total = now === null ? null : read(now)
  if (total === null) return null
  const before = host.earlier(path)
  const grown = Math.max(0, total - ((before === null ? null : read(before)) ?? total))
  return { total, grown, perSecond: host.seconds > 0 ? grown / host.seconds : 0 }
}

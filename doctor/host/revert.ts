// Takes back what --apply has done, and nothing else: what somebody has changed since stays as it is. Called by
// doctor/main.ts.
import { writeStdout } from '../../src/config/output.ts'
import { receiveRing, setReceiveRing } from '../../src/os/network-card.ts'
import type { DoctorLine } from '../command-line.ts'
import { EXIT_GOOD, EXIT_WRONG } from '../finding.ts'
import { isAgreed } from './ask.ts'
import { normal } from './plan.ts'
import {
  type Applied,
  ApplyError,
  type ChangedRing,
  type ChangedValue,
  readRecord,
  removeRecord,
  Tree,
} from './record.ts'

/** Returns the exit code. Throws ApplyError. */
export function revertChanges({ root, yes }: DoctorLine): number {
  const tree = new Tree(root)
  const applied = readRecord(tree)
  if (applied === null) return said('There is nothing to take back.\n', EXIT_GOOD)
  writeStdout(revertText(applied))
  if (!yes && !isAgreed('Remove these files and restore these values?')) {
    return said('Nothing was changed.\n', EXIT_WRONG)
  }
  const kept = [
    ...[...applied.values].reverse().flatMap((value) => restoreValue(tree, value)),
    ...(tree.isKernel() ? applied.rings.flatMap(restoreRing) : []),
    ...applied.files.flatMap(({ path, text }) => removeFile(tree, path, text)),
  ]
  removeRecord(tree)
  for (const folder of [...applied.folders].reverse()) tree.removeFolder(folder)
  for (const text of kept) writeStdout(`Left as it is: ${text}.\n`)
  return said('Done.\n', kept.length > 0 ? EXIT_WRONG : EXIT_GOOD)
}

function revertText({ files, values, rings }: Applied): string {
  const lines = [
    ...files.map(({ path }) => `remove ${path}`),
    ...values.map(({ path, before }) => `set ${path} to ${normal(before) || 'nothing'}`),
    ...rings.map(({ card, before }) => `set the receive ring of ${card} to ${before}`),
  ]
  return `${lines.join('\n')}\n`
}

/** Returns what was not done. A failure to write ends it, with the record still there for another try. */
function restoreValue(tree: Tree, { path, before, after }: ChangedValue): string[] {
  const now = tree.read(path)
  if (now === null) return [`${path} is gone`]
  if (now === before) return []
  // Without «after» the change was interrupted: whether it was made cannot be told from the value.
  if (after !== null && now !== after) return [`${path}, which has been changed to ${normal(now)}`]
  tree.put(path, writable(before, now))
  return []
}

/** `always [madvise] never` is how the kernel shows the second of three; what it takes is the word. */
function writable(before: string, now: string): string {
  const chosen = /\[(\w+)\]/.exec(before)?.[1]
  return chosen !== undefined && /\[\w+\]/.test(now) ? `${chosen}\n` : before
}

function restoreRing({ card, before, after }: ChangedRing): string[] {
  const now = receiveRing(card)
  if (now === null || now.size === before) return []
  if (now.size !== after)
    return [`the receive ring of ${card}, which has been changed to ${now.size}`]
  if (!setReceiveRing(card, before))
    throw new ApplyError(`${card} does not take a ring of ${before}`)
  return []
}

function removeFile(tree: Tree, path: string, text: string): string[] {
  const now = tree.read(path)
  if (now === null) return []
  if (now !== text) return [`${path}, which has been changed`]
  tree.remove(path)
  return []
}

function said(text: string, code: number): number {
  writeStdout(text)
  return code
}

// Makes the changes that the findings recommend: in files that make them again at each start of the system, and now. First
// shows all of it. Never touches a file that it has not written, and records what was before. Called by doctor/main.ts.
import { dirname } from 'node:path'
import { writeStdout } from '../../src/config/output.ts'
import { counted } from '../../src/config/quantities.ts'
import { receiveRing, setReceiveRing } from '../../src/os/network-card.ts'
import type { DoctorLine } from '../command-line.ts'
import { EXIT_GOOD, EXIT_WRONG } from '../finding.ts'
import { isAgreed } from './ask.ts'
import { type Change, pathOf, SYSCTL_FILE } from './changes.ts'
import { HostFiles } from './files.ts'
import { findingsOf } from './host.ts'
import {
  type LaterFile,
  merged,
  normal,
  overrides,
  type PlannedFile,
  plannedFiles,
} from './plan.ts'
import {
  type Applied,
  ApplyError,
  type ChangedRing,
  joinedRings,
  joinedValues,
  NOTHING_APPLIED,
  readRecord,
  Tree,
  writeRecord,
} from './record.ts'

const ETHTOOL = '/usr/sbin/ethtool'
const SYSCTL_FOLDERS = [
  '/etc/sysctl.d',
  '/run/sysctl.d',
  '/usr/local/lib/sysctl.d',
  '/usr/lib/sysctl.d',
]

interface Plan {
  /** Also those of earlier runs, which stay in the files. */
  readonly changes: readonly Change[]
  readonly files: readonly PlannedFile[]
  readonly values: readonly {
    readonly path: string
    readonly value: string
    readonly before: string
  }[]
  readonly rings: readonly ChangedRing[]
  readonly remarks: readonly string[]
}

/** Returns the exit code. Throws ApplyError. */
export async function applyChanges(
  line: DoctorLine,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const tree = new Tree(line.root)
  const known = readRecord(tree) ?? NOTHING_APPLIED
  const findings = await findingsOf(line, environment)
  const wanted = merged(findings.flatMap(({ changes = [] }) => changes))
  if (wanted.length === 0) {
    requireKernelSettings(line.root)
    return said('There is nothing to change.\n', EXIT_GOOD)
  }
  const plan = planOf(tree, wanted, known, new HostFiles(line.root))
  refuseForeign(tree, plan.files, known)
  writeStdout(planText(plan))
  if (!line.yes && !isAgreed('Write these files and set these values?')) {
    return said('Nothing was changed.\n', EXIT_WRONG)
  }
  return carryOut(tree, plan, known)
}

/** An image on a disk has none, and what cannot be read is not right. */
function requireKernelSettings(root: string): void {
  if (new HostFiles(root).list('/proc/sys').length > 0) return
  throw new ApplyError(
    `${root} has no kernel settings to judge (proc/sys): start it, or mount /proc and /sys there. Nothing was changed.`,
  )
}

function planOf(tree: Tree, wanted: readonly Change[], known: Applied, host: HostFiles): Plan {
  const all = merged([...known.changes, ...wanted])
  const hasEthtool = host.read(ETHTOOL) !== null
  const lasting = all.filter(({ kind }) => kind !== 'ring' || hasEthtool)
  const values = wanted.flatMap((change) => {
    const path = pathOf(change)
    const before = path === null ? null : tree.read(path)
    return path === null || before === null || !('value' in change)
      ? []
      : [{ path, value: change.value, before }]
  })
  const rings = wanted.flatMap((change): ChangedRing[] => {
    const ring = change.kind === 'ring' && tree.isKernel() ? receiveRing(change.card) : null
    return change.kind !== 'ring' || ring === null
      ? []
      : [{ card: change.card, before: ring.size, after: change.size }]
  })
  const remarks = overrides(lasting, laterFiles(host))
  if (lasting.length < all.length) {
    remarks.push(
      `${ETHTOOL} is not there, so rings are set now, but not again after a restart of the system`,
    )
  }
  return { changes: all, files: plannedFiles(lasting), values, rings, remarks }
}

/** Those that are read after ours: by name, and the old single one at the end. */
function laterFiles(host: HostFiles): LaterFile[] {
  const own = SYSCTL_FILE.slice(SYSCTL_FILE.lastIndexOf('/') + 1)
  const found = SYSCTL_FOLDERS.flatMap((folder) =>
    host
      .list(folder)
      .filter((name) => name.endsWith('.conf') && name > own)
      .map((name) => `${folder}/${name}`),
  )
  return [...found, '/etc/sysctl.conf'].flatMap((path) => {
    const text = host.read(path)
    return text === null ? [] : [{ path, text }]
  })
}

/** A file that is not exactly what we wrote is somebody else's. */
function refuseForeign(tree: Tree, files: readonly PlannedFile[], known: Applied): void {
  for (const { path } of files) {
    const there = tree.read(path)
    const ours = known.files.find((file) => file.path === path)
    if (there === null || there === ours?.text) continue
    throw new ApplyError(
      `${path} is there, and ${ours === undefined ? 'was not written by this program' : 'has been changed since this program wrote it'}: ` +
        'move it away, then try again. Nothing was changed.',
    )
  }
}

function planText({ files, values, rings, remarks }: Plan): string {
  const parts = files.map(({ path, text }) => `${path}:\n${indented(text)}`)
  const now = [
    ...values.map(
      ({ path, value, before }) => `${path}: ${normal(before) || 'empty'} → ${value}\n`,
    ),
    ...rings.map(({ card, before, after }) => `${card}: receive ring ${before} → ${after}\n`),
  ]
  if (now.length > 0) parts.push(`Set now:\n${indented(now.join(''))}`)
  for (const remark of remarks) parts.push(`Note: ${remark}.\n`)
  return `${parts.join('\n')}\n`
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ')
}

/** The record comes first, so that whatever happens can be taken back. */
function carryOut(tree: Tree, plan: Plan, known: Applied): number {
  const folders = plan.files.flatMap(({ path }) => tree.makeFolders(dirname(path)))
  const intended: Applied = {
    changes: plan.changes,
    files: plan.files,
    values: joinedValues(
      known.values,
      plan.values.map(({ path, before }) => ({ path, before, after: null })),
    ),
    rings: joinedRings(known.rings, plan.rings),
    folders: [...known.folders, ...folders],
  }
  const record = recordOrUndo(tree, intended, folders)
  for (const { path, text } of plan.files) tree.replace(path, text)
  const failures: string[] = []
  const values = record.values.map((changed) => {
    const planned = plan.values.find(({ path }) => path === changed.path)
    if (planned === undefined) return changed
    const failure = failureOf(() => tree.put(planned.path, `${planned.value}\n`))
    if (failure !== null) failures.push(failure)
    return { ...changed, after: tree.read(changed.path) }
  })
  for (const { card, after } of plan.rings) {
    if (!setReceiveRing(card, after)) failures.push(`${card} does not take a ring of ${after}`)
  }
  writeRecord(tree, { ...record, values })
  for (const failure of failures) writeStdout(`Not done: ${failure}.\n`)
  const count = counted(plan.files.length, 'file')
  return said(
    `Done: ${count} written, ${counted(plan.values.length, 'value')} set. --revert takes it back.\n`,
    failures.length > 0 ? EXIT_WRONG : EXIT_GOOD,
  )
}

/** Without a record nothing is changed. */
function recordOrUndo(tree: Tree, intended: Applied, folders: readonly string[]): Applied {
  try {
    return writeRecord(tree, intended)
  } catch (error) {
    for (const folder of [...folders].reverse()) tree.removeFolder(folder)
    throw error
  }
}

function failureOf(act: () => void): string | null {
  try {
    act()
    return null
  } catch (error) {
    if (error instanceof ApplyError) return error.message
    throw error
  }
}

function said(text: string, code: number): number {
  writeStdout(text)
  return code
}

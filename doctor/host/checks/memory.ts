// Memory: may the tracker reserve what its limits ask for, in pages of which size, and how much may it use?
// Other programs depend on the first two, so --apply leaves them alone.
import { bytesText } from '../../../src/config/quantities.ts'
import { type ControlGroup, groupsOf } from '../cgroups.ts'
import { type Change, remedyOf, sysctl, sysctlPath } from '../changes.ts'
import { listedCounter, memoryBytes } from '../parse.ts'
import {
  counter,
  type HostFinding,
  type HostView,
  numberIn,
  type Subject,
  sysctlNumber,
  unknown,
} from '../view.ts'
import { lossSeverity, lostText } from '../words.ts'

const OVERCOMMIT = 'vm.overcommit_memory'
const HUGE_PAGES = '/sys/kernel/mm/transparent_hugepage/enabled'
/** A tracker with hardly any peers. */
const MEMORY_MIN = 128 * 2 ** 20

export function overcommit({ host, wants }: Subject): HostFinding[] {
  const name = 'overcommit'
  const mode = sysctlNumber(host, OVERCOMMIT)
  if (mode === null) return [unknown(name, 'How memory may be reserved', sysctlPath(OVERCOMMIT))]
  const asked = bytesText(wants.reserveBytes)
  const meminfo = host.read('/proc/meminfo') ?? ''
  const changes = [sysctl(OVERCOMMIT, 0)]
  if (mode === 2) {
    const limit = memoryBytes(meminfo, 'CommitLimit') ?? 0
    const left = Math.max(0, limit - (memoryBytes(meminfo, 'Committed_AS') ?? 0))
    const suffices = left > wants.reserveBytes
    return [
      {
        name,
        severity: suffices ? 'note' : 'fault',
        text: `All reserved memory counts (${OVERCOMMIT} = 2): ${bytesText(left)} may still be reserved, and ${asked} are asked for by ${wants.source}.`,
        cost: suffices
          ? 'Nothing as long as other programs reserve no more.'
          : 'The tracker cannot start.',
        remedy: remedyOf(
          'Lower [limits] max_torrents and max_peers, or let reserved memory be free:',
          changes,
        ),
      },
    ]
  }
  const all = (memoryBytes(meminfo, 'MemTotal') ?? 0) + (memoryBytes(meminfo, 'SwapTotal') ?? 0)
  if (mode === 0 && all > 0 && wants.reserveBytes > all) {
    return [
      {
        name,
        severity: 'warning',
        text: `More memory is asked for by ${wants.source} (${asked}) than this machine has (${bytesText(all)}), which ${OVERCOMMIT} = 0 may refuse.`,
        cost: 'The tracker may not start.',
        remedy: 'Lower [limits] max_torrents and max_peers to what the machine can hold.',
      },
    ]
  }
  const text = `Reserved memory is free until it is used (${OVERCOMMIT} = ${mode}); ${asked} are asked for by ${wants.source}.`
  return [{ name, severity: 'good', text }]
}

export function hugePages({ host }: Subject): HostFinding[] {
  const name = 'huge_pages'
  const mode = /\[(\w+)\]/.exec(host.read(HUGE_PAGES) ?? '')?.[1]
  if (mode === undefined) return [unknown(name, 'Whether there are huge pages', HUGE_PAGES)]
  if (mode === 'madvise') {
    const text =
      'Programs that ask for huge pages get them, as the tracker does for its tables (madvise).'
    return [{ name, severity: 'good', text }]
  }
  const changes: Change[] = [{ kind: 'sysfs', path: HUGE_PAGES, value: 'madvise' }]
  return [
    {
      name,
      severity: 'note',
      text:
        mode === 'never'
          ? 'There are no transparent huge pages (never).'
          : 'Every program gets transparent huge pages, asked for or not (always).',
      cost:
        mode === 'never'
          ? 'Each announce takes longer to find its memory, the more so the more peers there are.'
          : 'Programs and small trackers take up to 2 MiB where they use 4 KiB.',
      remedy: remedyOf('Give them to programs that ask:', changes),
    },
  ]
}

/** Limits of the control group of each running tracker, or of this shell. */
export function memoryLimit({ host, trackers }: Subject): HostFinding[] {
  return groupsOf(host, trackers, 'memory').flatMap((group) => limitOf(host, group))
}

function limitOf(host: HostView, { whose, folders }: ControlGroup): HostFinding[] {
  const name = 'memory_limit'
  if (folders === null) return [unknown(name, `The memory limit of ${whose}`, '/proc/PID/cgroup')]
  const limits = folders.flatMap((folder) => {
    const limit =
      numberIn(host, `${folder}/memory.max`) ?? numberIn(host, `${folder}/memory.limit_in_bytes`)
    return limit === null ? [] : [{ folder, limit }]
  })
  const all = memoryBytes(host.read('/proc/meminfo') ?? '', 'MemTotal') ?? Number.POSITIVE_INFINITY
  const smallest = limits.filter(({ limit }) => limit < all).sort((a, b) => a.limit - b.limit)[0]
  if (smallest === undefined) {
    return [{ name, severity: 'good', text: `No control group limits the memory of ${whose}.` }]
  }
  const { folder, limit } = smallest
  const text = `The control group of ${whose} limits memory to ${bytesText(limit)}`
  const kills = counter(host, `${folder}/memory.events`, listedCounter('oom_kill'))
  if (kills !== null && kills.total > 0) {
    return [
      {
        name,
        severity: lossSeverity(kills, null),
        text: `${text}, and processes were ended for it: ${lostText(kills, null)}.`,
        cost: 'A tracker that is ended loses its peers until they announce again, unless [persistence] has kept them.',
        remedy:
          'Raise the limit (MemoryMax=, --memory), or lower [limits] max_peers: docs/operations.md, «Sizes».',
      },
    ]
  }
  return [{ name, severity: limit < MEMORY_MIN ? 'warning' : 'good', text: `${text}.` }]
}

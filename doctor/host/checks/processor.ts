// Processor time: is some taken away by the host of a virtual machine or by a limit, does one core do all the work of
// the network, and does the clock tell the right time?
import { rateText } from '../../../src/metrics/text-table.ts'
import { type ControlGroup, groupsOf } from '../cgroups.ts'
import { cpuTimes, listedCounter } from '../parse.ts'
import { counter, type HostFinding, type HostView, type Subject, unknown } from '../view.ts'
import { percent } from '../words.ts'

const STAT = '/proc/stat'
/** A twentieth of the time is noticed in the slowest answers. */
const STOLEN_SHARE = 0.05
const STOLEN_SHARE_BAD = 0.2
/** With less of a core left, packets wait in the card. */
const CORE_SHARE = 0.5
const CORE_SHARE_BAD = 0.9
/** Ticks that make a share: a quarter of a second. */
const TICKS_MIN = 25

export function steal({ host }: Subject): HostFinding[] {
  const name = 'steal'
  const now = cpuTimes(host.read(STAT) ?? '').get('cpu')
  const before = cpuTimes(host.earlier(STAT) ?? '').get('cpu')
  if (now === undefined || before === undefined)
    return [unknown(name, 'Stolen processor time', STAT)]
  const total = now.stolen / Math.max(1, now.all)
  const ticks = now.all - before.all
  const share = ticks >= TICKS_MIN ? (now.stolen - before.stolen) / ticks : 0
  const text = `Other virtual machines took ${percent(share)} of the processor time while watched, ${percent(total)} since the system started.`
  if (share < STOLEN_SHARE && total < STOLEN_SHARE) return [{ name, severity: 'good', text }]
  return [
    {
      name,
      severity: share >= STOLEN_SHARE_BAD ? 'fault' : 'warning',
      text,
      cost: 'Packets wait in buffers meanwhile, and are lost when those are full.',
      remedy:
        'Take a machine with cores of its own, or a larger receive buffer (net.core.rmem_max, [network] socket_recv_buffer_size).',
    },
  ]
}

/** The share of each core that soft interrupts took while it was watched. */
export function softInterruptShares(host: Subject['host']): { name: string; share: number }[] {
  const before = cpuTimes(host.earlier(STAT) ?? '')
  return [...cpuTimes(host.read(STAT) ?? '')].flatMap(([name, now]) => {
    const was = before.get(name)
    const ticks = now.all - (was?.all ?? now.all)
    if (name === 'cpu' || was === undefined || ticks < TICKS_MIN) return []
    return [{ name, share: (now.softInterrupts - was.softInterrupts) / ticks }]
  })
}

export function interruptCore({ host }: Subject): HostFinding[] {
  const name = 'interrupt_core'
  const busiest = softInterruptShares(host).sort((a, b) => b.share - a.share)[0]
  if (busiest === undefined) return []
  const text = `Soft interrupts took at most ${percent(busiest.share)} of a core (${busiest.name}) while watched.`
  if (busiest.share < CORE_SHARE) return [{ name, severity: 'good', text }]
  return [
    {
      name,
      severity: busiest.share >= CORE_SHARE_BAD ? 'fault' : 'warning',
      text,
      cost: 'A core that is full of them loses packets, while others are idle.',
      remedy: 'Spread packets over more cores: see receive_steering and interrupts.',
    },
  ]
}

export function processorLimit({ host, trackers }: Subject): HostFinding[] {
  return groupsOf(host, trackers, 'cpu').flatMap((group) => limitOf(host, group))
}

function limitOf(host: HostView, { whose, folders }: ControlGroup): HostFinding[] {
  const name = 'processor_limit'
  if (folders === null) {
    return [unknown(name, `The limit on processor time of ${whose}`, '/proc/PID/cgroup')]
  }
  const limited = folders.flatMap((folder) => {
    const cores = coresIn(host.read(`${folder}/cpu.max`)) ?? oldCores(host, folder)
    return cores === null ? [] : [{ folder, cores }]
  })
  const smallest = limited.sort((a, b) => a.cores - b.cores)[0]
  if (smallest === undefined) {
    const text = `No control group limits the processor time of ${whose}.`
    return [{ name, severity: 'good', text }]
  }
  const throttled = counter(host, `${smallest.folder}/cpu.stat`, listedCounter('nr_throttled'))
  const periods = counter(host, `${smallest.folder}/cpu.stat`, listedCounter('nr_periods'))
  const cores = Number(smallest.cores.toFixed(2))
  const share =
    throttled === null || periods === null ? 0 : throttled.total / Math.max(1, periods.total)
  const text =
    `The control group of ${whose} limits it to ${cores} cores; it was stopped for that in ${percent(share)} of all periods` +
    `${throttled !== null && throttled.grown > 0 ? `, ${rateText(throttled.perSecond)} times per second now` : ''}.`
  if (throttled === null || throttled.total === 0) return [{ name, severity: 'good', text }]
  return [
    {
      name,
      severity: throttled.grown > 0 ? 'fault' : share >= STOLEN_SHARE ? 'warning' : 'note',
      text,
      cost: 'A tracker that is stopped for tens of milliseconds loses the packets that do not fit its buffers.',
      remedy: 'Raise the limit (CPUQuota=, --cpus), or use fewer workers than that.',
    },
  ]
}

/** `200000 100000`; null without a limit. */
function coresIn(text: string | null): number | null {
  const [quota, period] = (text ?? '').trim().split(' ').map(Number)
  return Number.isFinite(quota) && period > 0 ? quota / period : null
}

function oldCores(host: Subject['host'], folder: string): number | null {
  const quota = Number(host.read(`${folder}/cpu.cfs_quota_us`) ?? Number.NaN)
  const period = Number(host.read(`${folder}/cpu.cfs_period_us`) ?? Number.NaN)
  return quota > 0 && period > 0 ? quota / period : null
}

export function clock({ host, wants }: Subject): HostFinding[] {
  const name = 'clock'
  const isRight = host.clockIsSynchronised()
  if (isRight === null) {
    return [
      {
        name,
        severity: 'note',
        text: 'Whether the clock is synchronised with a time server cannot be told here.',
      },
    ]
  }
  if (isRight)
    return [{ name, severity: 'good', text: 'The clock is synchronised with a time server.' }]
  const shared = wants.sharesConnectionIds
    ? 'Ten seconds from the others that share its connection ids, this tracker refuses theirs, and they its own. '
    : ''
  return [
    {
      name,
      severity: wants.servesTcp || wants.sharesConnectionIds ? 'warning' : 'note',
      text: 'Nothing synchronises the clock with a time server.',
      cost: `${shared}Certificates seem expired or not yet valid, access keys end at the wrong time, and logs of several machines disagree.`,
      remedy:
        'Install and start one:\napt-get install systemd-timesyncd\nsystemctl enable --now systemd-timesyncd',
    },
  ]
}

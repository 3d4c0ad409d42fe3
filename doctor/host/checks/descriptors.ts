// Open files: may the tracker have a descriptor for each connection that its settings allow?
import { grouped } from '../../../src/metrics/text-table.ts'
import { remedyOf, sysctl } from '../changes.ts'
import { openFileLimits } from '../parse.ts'
import { type HostFinding, type Subject, sysctlNumber, unknown } from '../view.ts'
import type { Wants } from '../wants.ts'

/** For listening sockets, workers, files, and connections on their way. */
const OTHERS = 160
/** What a remedy adds: also for connections that have not asked anything yet. */
const OTHERS_ROOMY = 4096
const CROWDED_SHARE = 0.8

export function openFiles({ host, wants, trackers }: Subject): HostFinding[] {
  if (!wants.servesTcp) return []
  const running = trackers.filter((tracker) => (tracker.wants ?? wants).servesTcp)
  if (running.length === 0) {
    const ofShell = filesOf(host, 'self', 'a tracker started from this shell', wants)
    // A service has limits of its own.
    return ofShell.map((found) =>
      found.severity === 'good' ? found : { ...found, severity: 'note' },
    )
  }
  return running.flatMap(({ pid, program, wants: own }) => {
    return filesOf(host, pid, `${program} (process ${pid})`, own ?? wants)
  })
}

function filesOf(
  host: Subject['host'],
  pid: number | 'self',
  whose: string,
  { connections }: Wants,
): HostFinding[] {
  const name = 'open_files'
  const path = `/proc/${pid}/limits`
  const limits = openFileLimits(host.read(path) ?? '')
  if (limits === null) return [unknown(name, `How many files ${whose} may have open`, path)]
  const shown = Number.isFinite(limits.soft) ? grouped(limits.soft) : 'any number'
  const text = `Open files of ${whose}: ${shown}, for up to ${grouped(connections)} connections by its settings.`
  const wanted = connections + OTHERS_ROOMY
  if (limits.soft >= connections + OTHERS) return [{ name, severity: 'good', text }]
  return [
    {
      name,
      severity: 'warning',
      text,
      cost: 'Beyond that new clients wait, or idle connections are closed for them.',
      remedy:
        'Raise the limit where the tracker is started: in the systemd unit, in the shell, or of a container:\n' +
        `LimitNOFILE=${wanted}\nulimit -n ${wanted}\n--ulimit nofile=${wanted}:${wanted}`,
    },
  ]
}

export function systemFiles({ host, wants }: Subject): HostFinding[] {
  const name = 'system_files'
  const wanted = wants.connections + OTHERS_ROOMY
  const perProcess = sysctlNumber(host, 'fs.nr_open')
  const most = sysctlNumber(host, 'fs.file-max')
  const open = Number((host.read('/proc/sys/fs/file-nr') ?? '').split(/\s+/)[0])
  if (perProcess === null || most === null) {
    return [unknown(name, 'How many files the system may have open', '/proc/sys/fs')]
  }
  const text = `The system has ${grouped(open)} of ${grouped(most)} files open (fs.file-max), and a process may have ${grouped(perProcess)} (fs.nr_open).`
  const changes = [
    ...(perProcess < wanted ? [sysctl('fs.nr_open', nextPower(wanted))] : []),
    ...(most < wanted || open > most * CROWDED_SHARE
      ? [sysctl('fs.file-max', nextPower(2 * Math.max(wanted, open)))]
      : []),
  ]
  if (changes.length === 0) return [{ name, severity: 'good', text }]
  return [
    {
      name,
      severity: open > most * CROWDED_SHARE ? 'fault' : 'warning',
      text,
      cost: `Each connection takes one, and ${grouped(wants.connections)} are allowed by ${wants.source}.`,
      remedy: remedyOf('Raise it:', changes),
      changes,
    },
  ]
}

function nextPower(value: number): number {
  return 2 ** Math.ceil(Math.log2(value))
}

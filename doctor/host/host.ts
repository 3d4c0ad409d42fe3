// Looks at this host: what costs a tracker packets, connections or time. Reads everything twice, with a pause between,
// so that counters tell what is lost now. Called by doctor/main.ts.
import { setTimeout } from 'node:timers/promises'

import { counted } from '../../src/config/quantities.ts'
import type { DoctorLine } from '../command-line.ts'
import type { Finding, Report } from '../finding.ts'
import * as buffers from './checks/buffers.ts'
import { cards } from './checks/cards.ts'
import { connectionTracking } from './checks/conntrack.ts'
import { openFiles, systemFiles } from './checks/descriptors.ts'
import * as firewall from './checks/firewall.ts'
import { dockerIpv6, ipv6 } from './checks/ipv6.ts'
import { kernelBypass } from './checks/kernel-bypass.ts'
import * as losses from './checks/losses.ts'
import * as memory from './checks/memory.ts'
import * as processor from './checks/processor.ts'
import * as tcp from './checks/tcp.ts'
import { HostFiles } from './files.ts'
import { runningTrackers } from './running.ts'
import { wantsOf } from './settings.ts'
import type { Check, HostFinding } from './view.ts'
import { type RunningTracker, together, type Wants } from './wants.ts'
import { listed } from './words.ts'

/** In the order in which people look: what is lost, why, and what else. */
export const CHECKS: readonly Check[] = [
  losses.udpReceiveDrops,
  losses.udpSendErrors,
  losses.udpBadPackets,
  losses.queueDrops,
  losses.interruptBudget,
  losses.listenOverflows,
  losses.forgottenHandshakes,
  connectionTracking,
  cards,
  kernelBypass,
  processor.interruptCore,
  buffers.receiveBuffer,
  buffers.packetBacklog,
  buffers.listenBacklog,
  buffers.handshakeBacklog,
  buffers.synCookies,
  buffers.migratedConnections,
  tcp.timeWait,
  tcp.tcpMemory,
  tcp.outgoingPorts,
  tcp.reservedPorts,
  openFiles,
  systemFiles,
  firewall.firewall,
  firewall.userlandProxy,
  firewall.addressTranslation,
  firewall.publicAddress,
  ipv6,
  dockerIpv6,
  memory.overcommit,
  memory.memoryLimit,
  memory.hugePages,
  processor.steal,
  processor.processorLimit,
  processor.clock,
]

const DENIED_SHOWN_MAX = 6

type Environment = Readonly<Record<string, string | undefined>>

export async function examineHost(line: DoctorLine, environment: Environment): Promise<Report> {
  return {
    subject: 'this host',
    findings: (await findingsOf(line, environment)).map(withoutChanges),
  }
}

/** With what --apply would change. */
export async function findingsOf(
  line: DoctorLine,
  environment: Environment,
): Promise<HostFinding[]> {
  const before = new HostFiles(line.root)
  const { here: trackers, elsewhere } = runningTrackers(before)
  const { wants, remark } = wantsHere(line, environment, trackers)
  const examine = (host: HostFiles) => CHECKS.flatMap((check) => check({ host, wants, trackers }))
  // All that the checks look at is read, so that a second look finds what has changed.
  examine(before)
  const started = performance.now()
  await setTimeout(line.seconds * 1000)
  const host = new HostFiles(line.root, before, (performance.now() - started) / 1000)
  const findings = examine(host)
  return [remark, ...otherNetworks(elsewhere), ...findings, ...notPermitted(host)]
}

interface Judged {
  readonly wants: Wants
  readonly remark: HostFinding
}

/** The settings that were given; else those of the tracker that runs here; else the defaults. */
function wantsHere(
  { configPath, program }: DoctorLine,
  environment: Environment,
  trackers: readonly RunningTracker[],
): Judged {
  const name = 'settings'
  if (configPath !== null) {
    const wants = wantsOf({ configPath, program, environment })
    return { wants, remark: { name, severity: 'good', text: `Judged for ${wants.source}.` } }
  }
  const running = trackers.flatMap(({ wants }) => (wants === null ? [] : [wants]))
  if (running.length > 0) {
    const known = trackers.filter(({ wants }) => wants !== null)
    const names = listed(known.map(({ program, pid }) => `${program} (process ${pid})`))
    const text = `Judged for the settings of ${names}, as running here.`
    const source = known.length === 1 ? `the running ${known[0].program}` : 'the running trackers'
    return { wants: together(running, source), remark: { name, severity: 'good', text } }
  }
  const wants = wantsOf({ configPath: null, program: null, environment })
  const text = `Judged for ${wants.source}; with -c FILE it is for the settings in that file.`
  return { wants, remark: { name, severity: 'note', text } }
}

function otherNetworks(count: number): HostFinding[] {
  if (count === 0) return []
  const text = `${counted(count, 'tracker runs', 'trackers run')} in other networks than this shell, as those of containers.`
  const remedy =
    'Enter such a network to look at it:\nnsenter --net=/proc/PID/ns/net aquatic_doctor'
  return [{ name: 'other_networks', severity: 'note', text, remedy }]
}

function notPermitted(host: HostFiles): HostFinding[] {
  const paths = host.notPermitted()
  if (paths.length === 0) return []
  const shown = paths.slice(0, DENIED_SHOWN_MAX).join(', ')
  const more = paths.length > DENIED_SHOWN_MAX ? ` and ${paths.length - DENIED_SHOWN_MAX} more` : ''
  return [
    {
      name: 'not_permitted',
      severity: 'note',
      text: `Not permitted here: ${shown}${more}.`,
      remedy: 'Run it as root to see all.',
    },
  ]
}

function withoutChanges({ name, severity, text, cost, remedy }: HostFinding): Finding {
  return {
    name,
    severity,
    text,
    ...(cost === undefined ? {} : { cost }),
    ...(remedy === undefined ? {} : { remedy }),
  }
}

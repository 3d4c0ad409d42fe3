// The flag --health-check of the trackers: asks the tracker that runs with the same settings, as a
// client would. Used by bin/ with each protocol's question. For container engines and monitoring that
// want an exit code; it needs nothing in the image but the executable itself.
import { addressText, type SocketAddress } from '../config/address.ts'
import { FlagError } from '../config/cli.ts'
import type { OwnFlag } from '../config/flags.ts'
import { type ListenSettings, listenAddresses } from '../config/listen.ts'
import { writeStderr } from '../config/output.ts'

const SECONDS_MAX = 60

export const HEALTH_CHECK: OwnFlag = {
  name: 'health-check',
  value: 'SECONDS',
  help: [
    'ask the tracker that runs with these settings: exit code',
    '0 if it answers in time, else 1',
  ],
}

/** Resolves with null once the tracker has answered, or with what is wrong. */
export type Ask = (
  address: SocketAddress,
  milliseconds: number,
  /** Of a Unix socket, which is then asked in place of the address. */
  path?: string,
) => Promise<string | null>

const NO_ADDRESS: SocketAddress = { family: 4, host: '127.0.0.1', port: 0 }

/** Asks on every address that the settings name; returns the exit code. */
export async function checkHealth(
  settings: ListenSettings,
  seconds: string,
  ask: Ask,
): Promise<number> {
  const milliseconds = Number(seconds) * 1000
  if (!(milliseconds > 0 && milliseconds <= SECONDS_MAX * 1000)) {
    throw new FlagError(`--health-check takes seconds, at most ${SECONDS_MAX}, not '${seconds}'`)
  }
  // Not the IPv6 wildcard that is there only where the system has IPv6: the same workers serve it.
  const asked = listenAddresses(settings).filter(({ optional }) => !optional)
  const { unix_socket = '' } = settings
  const faults = await Promise.all([
    ...asked.map((item) => faultOf(item, milliseconds, ask)),
    ...(unix_socket === '' ? [] : [faultAt(unix_socket, milliseconds, ask)]),
  ])
  const found = faults.filter((fault) => fault !== null)
  for (const fault of found) writeStderr(`unhealthy: ${fault}\n`)
  return found.length === 0 ? 0 : 1
}

async function faultOf(item: SocketAddress, ms: number, ask: Ask): Promise<string | null> {
  if (item.port === 0) return `${addressText(item)} is a port that the system chose at the start`
  const address = { ...item, host: reachable(item.host) }
  const fault = await inTime(ask(address, ms), ms)
  return fault === null ? null : `${addressText(address)}: ${fault}`
}

async function faultAt(path: string, ms: number, ask: Ask): Promise<string | null> {
  const fault = await inTime(ask(NO_ADDRESS, ms, path), ms)
  return fault === null ? null : `unix:${path}: ${fault}`
}

function inTime(answer: Promise<string | null>, ms: number): Promise<string | null> {
  const late = Bun.sleep(ms).then(() => `no answer in ${ms / 1000} s`)
  return Promise.race([answer, late]).catch((error) => String(error))
}

/** A wildcard is no address to send to; this machine's loopback address reaches the same socket. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

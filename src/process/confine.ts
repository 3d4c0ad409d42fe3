// Before a start that will give up the rights of root ([privileges] drop_privileges): takes from the process
// every way to get rights back, for which the program has to start once more (os/confine.ts says why).
// Called by bin/ before anything is written or opened. Owns nothing but the settings that it passes on.
import { readFileSync, readlinkSync, writeSync } from 'node:fs'
import { StartError, type StartLine } from '../config/cli.ts'
import {
  clearInheritable,
  confineThread,
  isConfined,
  newMemoryFile,
  programToExecute,
} from '../os/confine.ts'
import { SystemError } from '../os/error.ts'
import { isRoot } from '../os/privileges.ts'
import { endBySignals, holdSignals, letSignalsGo } from '../os/signal-mask.ts'
import { HEALTH_CHECK } from './health-check.ts'
import type { PrivilegeConfig } from './privileges.ts'
import { SIGNAL_NUMBERS, STOP_NUMBERS, signals } from './signals.ts'

/** Of the event loop: signals that the runtime has caught are delivered in the next one. */
const TURNS = 3

/** Returns when the process is confined, or need not be; otherwise the program starts again. */
export async function confineStart(
  { drop_privileges }: PrivilegeConfig,
  start: StartLine,
): Promise<void> {
  // The start itself reports that it is not root.
  if (!drop_privileges || start.values.has(HEALTH_CHECK.name) || !isRoot()) return
  try {
    if (isConfined()) {
      letSignalsGo(SIGNAL_NUMBERS)
      clearInheritable()
      return
    }
    // The name, as the link shows it, is what ps, pidof and systemd know the process by.
    const program = readlinkSync('/proc/self/exe')
    const execute = programToExecute(program, argumentsOf(start))
    confineThread()
    // The program that takes this one's place knows nothing of signals that this one has taken: a stop that
    // has come is heard now.
    signals.opening()
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
    // What comes from here on waits for the other. Only a thread of the runtime may still take a stop, for
    // as long as execve needs to end it: that ends the process by the signal, since it must not be lost.
    endBySignals(STOP_NUMBERS)
    holdSignals(SIGNAL_NUMBERS)
    execute()
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    if (!(error instanceof SystemError) && code === undefined) throw error
    throw new StartError(
      `cannot drop privileges ([privileges] drop_privileges = true): the program could not be started ` +
        `again without ways to get them back: ${message}`,
    )
  }
}

/** Of this process, with settings that can be read another time. */
function argumentsOf({ configPath, readOnce }: StartLine): Buffer[] {
  // Zeros end them, the last one too.
  const bytes = readFileSync('/proc/self/cmdline')
  const args: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at)
    args.push(bytes.subarray(at, end))
    at = end + 1
  }
  if (configPath === null || readOnce === undefined) return args
  const file = newMemoryFile('settings')
  writeSync(file, readOnce)
  const ways = ['', '-c', '--config-file=']
  return args.map((arg) => {
    const way = ways.find((text) => arg.toString('utf8') === `${text}${configPath}`)
    return way === undefined ? arg : Buffer.from(`${way}/proc/self/fd/${file}`)
  })
}

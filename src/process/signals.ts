// The signals of a tracker, from its first moment until its end: a signal without a handler would end the
// process. Installed by early-signals.ts; the parts of a tracker say here what a signal means to them,
// and tracker/tracker.ts which phase it is in. Owns the handlers.
//
//  command   settings are read, nothing is open: a stop ends the process, as it does any program
//  opening   files are read, sockets opened: a stop ends it with exit code 0
//  starting  workers start, the folder of persistence is taken: a stop waits for the end of it
//  serving   signals do what they are for, also those that came before
//  stopping  nothing but another stop does anything
import { constants } from 'node:os'

const STOPS = ['SIGTERM', 'SIGINT'] as const
const OTHERS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
export type StopSignal = (typeof STOPS)[number]
export type OtherSignal = (typeof OTHERS)[number]

type Phase = 'command' | 'opening' | 'starting' | 'serving' | 'stopping'

/** Those that ask the tracker to stop. */
export const STOP_NUMBERS = STOPS.map((name) => constants.signals[name])

/** All that the tracker has handlers for. */
export const SIGNAL_NUMBERS = [...STOPS, ...OTHERS].map((name) => constants.signals[name])

/** The base of shells' exit codes for programs ended by a signal. */
const KILLED_CODE = 128

export class Signals {
  private phase: Phase = 'command'
  private readonly listeners: Readonly<Record<OtherSignal, (() => void)[]>> = {
    SIGHUP: [],
    SIGUSR1: [],
    SIGUSR2: [],
  }
  /** Those that came before anybody could handle them. */
  private readonly early = new Set<OtherSignal>()
  private readonly exit: (code: number) => void
  private stopWasAsked = false
  private stop: () => void = () => {}

  /** `exit`: other than the process's in tests. */
  constructor(exit: (code: number) => void = (code) => process.exit(code)) {
    this.exit = exit
  }

  /** Takes the process's signals: from now on none of them ends it by itself. */
  take(): void {
    for (const name of [...STOPS, ...OTHERS]) process.on(name, () => this.receive(name))
  }

  receive(name: StopSignal | OtherSignal): void {
    if (name === 'SIGTERM' || name === 'SIGINT') this.receiveStop(name)
    else if (this.phase === 'serving') this.deliver(name)
    else if (this.phase !== 'stopping') this.early.add(name)
  }

  /** Calls `listener` on each signal of this name while the tracker serves. Several may listen. */
  on(name: OtherSignal, listener: () => void): void {
    this.listeners[name].push(listener)
  }

  /** True once a stop waits for the end of the start. */
  get mustStop(): boolean {
    return this.stopWasAsked
  }

  /** The program will serve, and has opened nothing yet that must be closed. */
  opening(): void {
    this.phase = 'opening'
  }

  /** From here on a stop must wait until the start is complete. */
  starting(): void {
    this.phase = 'starting'
  }

  /** `stop` is called at each further stop. What came before is done now. */
  serving(stop: () => void): void {
    this.stop = stop
    // Another process may have taken this one's place meanwhile.
    if (this.phase === 'stopping') return
    this.phase = 'serving'
    if (this.stopWasAsked) {
      stop()
      return
    }
    const early = [...this.early]
    this.early.clear()
    for (const name of early) this.deliver(name)
  }

  stopping(): void {
    this.phase = 'stopping'
  }

  private deliver(name: OtherSignal): void {
    for (const listener of this.listeners[name]) listener()
  }

  private receiveStop(name: StopSignal): void {
    if (this.phase === 'command') this.exit(KILLED_CODE + constants.signals[name])
    else if (this.phase === 'opening') this.exit(0)
    else if (this.phase !== 'starting') this.stop()
    // Whoever asks again does not want to wait.
    else if (this.stopWasAsked) this.exit(0)
    else this.stopWasAsked = true
  }
}

/** Those of this process. */
export const signals = new Signals()

// New certificates while the tracker runs, on SIGUSR1: in the main thread the files are read and checked
// again, each worker puts what was read in force, and once all have answered, one line tells what came of
// it. Made by the main.ts of a protocol over TLS; its socket-worker.ts does the workers' part. Owns the count of answers.
//
// Whatever goes wrong, the certificates that are in force stay.
import { printable } from '../config/output.ts'
import type { Log } from '../log/log.ts'
import { readTlsFiles, type TlsFiles, type TlsSettings, tlsWarnings } from './tls.ts'

/** To a worker. */
export interface NewCertificates {
  /** Which signal it was: a worker's answer to an earlier one says nothing of this one. */
  readonly attempt: number
  readonly tls: TlsFiles
}

/** From a worker. */
export interface CertificateAnswer {
  readonly attempt: number
  readonly worker: number
  /** Why it goes on with those it had; null when it has taken the new ones. */
  readonly refusal: string | null
}

export class CertificateChange {
  private readonly settings: TlsSettings & { readonly use_tls: boolean }
  private readonly workers: number
  private readonly log: Log
  private readonly tell: (certificates: NewCertificates) => void
  private attempt = 0
  private answers: CertificateAnswer[] = []

  /** `tell`: sends to all `workers`. */
  constructor(
    settings: TlsSettings & { readonly use_tls: boolean },
    workers: number,
    log: Log,
    tell: (certificates: NewCertificates) => void,
  ) {
    this.settings = settings
    this.workers = workers
    this.log = log
    this.tell = tell
  }

  /** Returns whether workers were told. */
  begin(): boolean {
    const { settings, log } = this
    if (!settings.use_tls) return false
    try {
      const tls = readTlsFiles(settings, (text) => log.always('warn', text))
      for (const text of tlsWarnings(tls)) log.always('warn', text)
      this.attempt++
      this.answers = []
      this.tell({ attempt: this.attempt, tls })
      return true
    } catch (error) {
      // Not only TlsError: a library that fails at what is in a file must not end a tracker that serves.
      log.always('error', `the certificate stays as it was: ${(error as Error).message}`)
      return false
    }
  }

  /** Returns whether all workers have answered now. */
  answered(answer: CertificateAnswer): boolean {
    if (answer.attempt !== this.attempt) return false
    this.answers.push(answer)
    if (this.answers.length < this.workers) return false
    this.tellOutcome()
    return true
  }

  private tellOutcome(): void {
    const refused = this.answers.filter(({ refusal }) => refusal !== null)
    if (refused.length === 0) {
      this.log.always('info', 'new connections get the certificate as it is now')
      return
    }
    const who =
      refused.length === this.workers
        ? 'the certificate stays as it was'
        : `the certificate stays as it was in ${namesOf(refused)}, so clients see both`
    this.log.always('error', `${who}: ${refused[0].refusal}`)
  }
}

/** In a worker: has `set` put them in force; returns what the main thread is told. */
export function takeCertificates(
  { attempt, tls }: NewCertificates,
  worker: number,
  set: (tls: TlsFiles) => void,
): CertificateAnswer {
  try {
    set(tls)
    return { attempt, worker, refusal: null }
  } catch (error) {
    return { attempt, worker, refusal: printable((error as Error).message) }
  }
}

function namesOf(answers: readonly CertificateAnswer[]): string {
  const numbers = answers.map(({ worker }) => worker + 1).sort((a, b) => a - b)
  return `socket worker ${numbers.join(', ')}`
}

// Gets a certificate from an authority that speaks ACME, and renews it when a third of its lifetime is left. Created by
// main.ts of a protocol over TLS, in the main thread. Owns the files in its folder, from which the workers load the
// certificate. Responses to the authority's challenges are files that workers serve (http/worker/challenges.ts).
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../config/cli.ts'
import { printable } from '../config/output.ts'
import type { Log } from '../log/log.ts'
import type { Identity } from '../os/privileges.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import { type AcmeConfig, type AcmeFiles, acmeDomains, acmeFiles } from './acme-settings.ts'
import { challengeFile, challengeFolder } from './challenge-files.ts'
import { selfSigned } from './self-signed.ts'
import { nameOf, readTlsFiles } from './tls.ts'

const PLACEHOLDER = 'no certificate yet'

const HOUR_MS = 3_600_000
const LOOK_MS = 12 * HOUR_MS
/** After a failure; doubles with each further one, because authorities limit them. */
const RETRY_MS = HOUR_MS
/** A certificate is renewed when less than this share of its lifetime is left. */
const RENEW_SHARE = 1 / 3
/** Of an answer of the authority: a chain of certificates has some KiB. */
const ANSWER_BYTES_MAX = 1 << 20
/** Of what is told of a failure: its text may be the authority's. */
const FAULT_CHARACTERS_MAX = 300

/** How long the authority may take; the library itself has no limit. */
export interface Patience {
  readonly answerMs: number
  /** For all answers together: one may also come byte by byte, or tell the library to ask again in a year. */
  readonly orderMs: number
}

const PATIENCE: Patience = { answerMs: 60_000, orderMs: HOUR_MS / 4 }

/** Ensures before startup reads the files that there is a certificate, even if one that nobody trusts. Throws StartError. */
export function prepareAcme(config: AcmeConfig): void {
  const { certificate, key, webroot } = acmeFiles(config)
  try {
    mkdirSync(challengeFolder(webroot), { recursive: true, mode: 0o755 })
    if (isPair(readIfThere(certificate), readIfThere(key))) return
    const next = nextOf(certificate)
    if (isPair(readIfThere(next), readIfThere(key))) renameSync(next, certificate)
    else replacePair(acmeFiles(config), selfSigned(PLACEHOLDER))
  } catch (error) {
    throw new StartError(`[acme] path '${config.path}' cannot be used: ${(error as Error).message}`)
  }
}

/** Whether it is time to replace the certificate by a new one for these names. */
export function isDue(certificate: string, domains: readonly string[], now: number): boolean {
  const shown = new X509Certificate(certificate)
  const { subjectAltName = '', validFrom, validTo } = shown
  if (nameOf(shown).includes(PLACEHOLDER)) return true
  const names = subjectAltName.split(', ').map((each) => each.replace(/^DNS:/, '').toLowerCase())
  if (domains.some((each) => !names.includes(each.toLowerCase()))) return true
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)]
  return to - now < (to - from) * RENEW_SHARE
}

export class Acme {
  readonly troubleSource: TroubleSource = { name: 'acme', find: () => this.trouble() }
  private readonly config: AcmeConfig
  private readonly log: Log
  private readonly renewed: () => void
  private readonly patience: Patience
  private timer: ReturnType<typeof setTimeout> | undefined
  private stopped = false
  private failures = 0
  private fault = ''

  /** `renewed` is called whenever there is a new certificate. */
  constructor(config: AcmeConfig, log: Log, renewed: () => void, patience = PATIENCE) {
    this.config = config
    this.log = log
    this.renewed = renewed
    this.patience = patience
  }

  start(): void {
    this.lookIn(0)
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  /** The process is about to become another user, who must be able to write here. */
  giveTo({ user, group }: Identity): void {
    const { certificate, key, account, webroot } = acmeFiles(this.config)
    const folders = [
      this.config.path,
      webroot,
      join(webroot, '.well-known'),
      challengeFolder(webroot),
    ]
    for (const path of [...folders, certificate, key, account]) {
      if (existsSync(path)) chownSync(path, user, group)
    }
  }

  private lookIn(milliseconds: number): void {
    if (this.stopped) return
    this.timer = setTimeout(() => void this.look(), milliseconds)
    // The timer alone must not keep the process alive.
    this.timer.unref()
  }

  private async look(): Promise<void> {
    try {
      const domains = acmeDomains(this.config)
      const certificate = readFileSync(acmeFiles(this.config).certificate, 'latin1')
      if (isDue(certificate, domains, Date.now())) await this.order(domains)
      this.failures = 0
      this.fault = ''
      this.lookIn(LOOK_MS)
    } catch (error) {
      this.fault = faultText(error)
      const wait = Math.min(LOOK_MS, RETRY_MS * 2 ** this.failures++)
      this.log.always(
        'error',
        `no certificate for ${acmeDomains(this.config).join(', ')}: ${this.fault}`,
      )
      this.lookIn(wait)
    }
  }

  private async order(domains: readonly string[]): Promise<void> {
    const { config, log } = this
    const { answerMs, orderMs } = this.patience
    const files = acmeFiles(config)
    log.always('info', `getting a certificate for ${domains.join(', ')}`)
    await reach(config.directory, answerMs)
    // Loaded on demand: trackers without [acme] do not pay for the library.
    const { axios, Client, crypto } = await import('acme-client')
    axios.defaults.timeout = answerMs
    axios.defaults.maxContentLength = ANSWER_BYTES_MAX
    const accountKey =
      readIfThere(files.account) || (await crypto.createPrivateEcdsaKey()).toString()
    replaceFile(files.account, accountKey, 0o600)
    const client = new Client({ directoryUrl: config.directory, accountKey })
    const [key, csr] = await crypto.createCsr(
      { altNames: [...domains] },
      await crypto.createPrivateEcdsaKey(),
    )
    const order = client.auto({
      csr,
      ...(config.email === '' ? {} : { email: config.email }),
      termsOfServiceAgreed: config.terms_accepted,
      challengePriority: ['http-01'],
      // The library would check from this machine, where the name may resolve to something else.
      skipChallengeVerification: true,
      challengeCreateFn: async (_, { token, type }, answer) => {
        if (type !== 'http-01')
          throw new Error('the authority offers no challenge by HTTP (HTTP-01)')
        writeFileSync(this.tokenFile(token), answer)
      },
      challengeRemoveFn: async (_, { token }) => rmSync(this.tokenFile(token), { force: true }),
    })
    const certificate = await endedWithin(order, orderMs)
    if (this.stopped) return
    replacePair(files, { key: key.toString(), certificate }, domains)
    log.always('info', `got a certificate for ${domains.join(', ')}`)
    this.renewed()
  }

  private tokenFile(token: string): string {
    const path = challengeFile(challengeFolder(acmeFiles(this.config).webroot), token)
    if (path === null) {
      throw new Error(`the authority sent an invalid token '${printable(token)}'`)
    }
    return path
  }

  private trouble(): Trouble | null {
    if (this.fault === '') return null
    return {
      severity: 'attention',
      text: `Could not get a certificate for ${acmeDomains(this.config).join(', ')}: ${this.fault}`,
      remedy:
        'Check that the names resolve to this host and that port 80 leads to [network] plain_address.',
    }
  }
}

/** Without an answer the library fails after many attempts, with a message about its own code. */
async function reach(directory: string, milliseconds: number): Promise<void> {
  try {
    const { ok, status } = await fetch(directory, { signal: AbortSignal.timeout(milliseconds) })
    if (!ok) throw new Error(`status ${status}`)
  } catch (error) {
    throw new Error(`${directory} does not answer: ${(error as Error).message}`)
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** The two files are replaced one after the other: a process that ends in between leaves a key of another certificate. */
function isPair(certificate: string | null, key: string | null): boolean {
  if (certificate === null || key === null) return false
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function nextOf(path: string): string {
  return `${path}.new`
}

function replaceFile(path: string, text: string, mode: number): void {
  renameSync(writeNext(path, text, mode), path)
}

function writeNext(path: string, text: string, mode: number): string {
  const next = nextOf(path)
  rmSync(next, { force: true })
  writeFileSync(next, text, { mode, flag: 'wx', flush: true })
  return next
}

/** Throws, with the files as they were, if there is no room or a start would refuse these two; for which names, too. */
function replacePair(
  files: AcmeFiles,
  pair: { readonly key: string; readonly certificate: string },
  domains: readonly string[] = [],
): void {
  const key = writeNext(files.key, pair.key, 0o600)
  const certificate = writeNext(files.certificate, pair.certificate, 0o644)
  const paths = { tls_certificate_path: certificate, tls_private_key_path: key }
  readTlsFiles({ ...paths, tls_pkcs12_path: '', tls_pkcs12_password: '' }, () => {})
  if (domains.length > 0 && isDue(pair.certificate, domains, Date.now())) {
    throw new Error(
      'the certificate that the authority issued is for other names, or ends too soon',
    )
  }
  renameSync(key, files.key)
  renameSync(certificate, files.certificate)
}

/** Whatever `work` still does afterwards is ignored. */
async function endedWithin<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = new Promise<never>((_, reject) => {
    const minutes = Math.round(milliseconds / 60_000)
    const fault = new Error(`the authority has not issued a certificate within ${minutes} minutes`)
    timer = setTimeout(() => reject(fault), milliseconds)
    timer.unref()
  })
  try {
    return await Promise.race([work, end])
  } finally {
    clearTimeout(timer)
  }
}

/** Never empty: that would hide the trouble. */
function faultText(error: unknown): string {
  const { message } = error as Partial<Error>
  const text = printable(`${message ?? error}`).slice(0, FAULT_CHARACTERS_MAX)
  return text.trim() === '' ? 'the authority gives no reason' : text
}

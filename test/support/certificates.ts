// Certificates of every kind, made by openssl for the tests that need them. Owns the folder they are in.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { newFolder, removeFolder } from './folder.ts'
import type { Endpoint } from './tracker.ts'

/** Arguments of openssl req. */
const ALGORITHMS = {
  ec: 'ec -pkeyopt ec_paramgen_curve:P-256',
  rsa: 'rsa:2048',
  /** An RSA key as ever; the signature is of the newer kind. */
  'rsa signed with PSS': 'rsa:2048 -sigopt rsa_padding_mode:pss',
  /** Its PKCS#8 fills lines of PEM exactly. */
  ed25519: 'ed25519',
  /** Which parses, and which the server's library can't use. */
  'ec of a curve without use': 'ec -pkeyopt ec_paramgen_curve:P-224',
  /** With which the server starts, and no handshake succeeds. */
  'rsa of 512 bits': 'rsa:512',
}

export class Certificates {
  readonly folder = newFolder()

  path(name: string): string {
    return join(this.folder, name)
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'latin1')
  }

  write(name: string, text: string, encoding: BufferEncoding = 'utf8'): string {
    writeFileSync(this.path(name), text, { mode: 0o644, encoding })
    return this.path(name)
  }

  /** Writes NAME.pem and NAME-key.pem (PKCS#8) for a self-signed certificate of that common name. */
  make(name: string, algorithm: keyof typeof ALGORITHMS, days = 30): void {
    const kind = ALGORITHMS[algorithm].split(' ')
    this.openssl(
      ...['req', '-x509', '-newkey', ...kind, '-nodes', '-subj', `/CN=${name}`],
      ...['-days', `${days}`],
      ...['-keyout', this.path(`${name}-key.pem`), '-out', this.path(`${name}.pem`)],
    )
    chmodSync(this.path(`${name}-key.pem`), 0o644)
  }

  /** The same with a name as clients look for it; it is an authority too. */
  makeNamed(
    name: string,
    host: string,
    days = 30,
    algorithm: keyof typeof ALGORITHMS = 'ec',
  ): void {
    this.openssl(
      ...['req', '-x509', '-newkey', ...ALGORITHMS[algorithm].split(' '), '-nodes'],
      ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${host}`, '-days', `${days}`],
      ...['-keyout', this.path(`${name}-key.pem`), '-out', this.path(`${name}.pem`)],
    )
    chmodSync(this.path(`${name}-key.pem`), 0o644)
  }

  /** One that has its name only where clients look for it, as new ones of Let's Encrypt. */
  makeWithoutSubject(name: string, host: string, days = 30): void {
    this.openssl(
      ...['req', '-x509', '-newkey', ...ALGORITHMS.ec.split(' '), '-nodes', '-subj', '/'],
      ...['-addext', `subjectAltName=DNS:${host}`, '-days', `${days}`],
      ...['-keyout', this.path(`${name}-key.pem`), '-out', this.path(`${name}.pem`)],
    )
  }

  /** NAME.pem is from now on a certificate of the same key that expired yesterday. */
  expire(name: string): void {
    const request = this.path(`${name}.csr`)
    const key = this.path(`${name}-key.pem`)
    this.openssl('req', '-new', '-key', key, '-subj', `/CN=${name}`, '-out', request)
    const signed = ['-signkey', key, '-days', '-1', '-out', this.path(`${name}.pem`)]
    this.openssl('x509', '-req', '-in', request, ...signed)
  }

  /** The key of a certificate in the form that came before PKCS#8: SEC 1 or PKCS#1. */
  makeTraditional(name: string): string {
    const target = this.path(`${name}-traditional.pem`)
    this.openssl('pkey', '-in', this.path(`${name}-key.pem`), '-traditional', '-out', target)
    return target
  }

  /** A PKCS#12 file; `more`: further flags of openssl, such as -legacy. */
  makePkcs12(name: string, password: string, ...more: string[]): string {
    const target = this.path(`${name}${more.join('').replace(/[^a-z0-9]/g, '')}.p12`)
    this.openssl(
      ...['pkcs12', '-export', '-inkey', this.path(`${name}-key.pem`)],
      ...['-in', this.path(`${name}.pem`), '-out', target, '-passout', `pass:${password}`, ...more],
    )
    return target
  }

  remove(): void {
    removeFolder(this.folder)
  }

  private openssl(...args: string[]): void {
    const { exitCode, stderr } = Bun.spawnSync(['openssl', ...args], { stderr: 'pipe' })
    if (exitCode !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr.toString()}`)
  }
}

/**
 * The common name that a new connection is shown; '' when it is reset, as one is that a closing listener
 * has not accepted yet.
 */
export function nameShown({ host, port }: Endpoint): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', () => resolve(''))
  })
}

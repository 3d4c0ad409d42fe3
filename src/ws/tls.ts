// Certificate and key, from the files that the settings name: PEM, or PKCS#12 turned into PEM (the
// server reads no PKCS#12). Read by main.ts at the start and again on SIGUSR1, by --check as well. Owns nothing.
//
// All mistakes show here, in words: an unreadable file, a wrong password, a key of another
// certificate. The server would say as much as «BoringSSL error».
import { createPrivateKey, X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import type { CheckFindings } from '../config/cli.ts'
import { FileFault, readRegularFile } from '../config/named-file.ts'
import { printable } from '../config/output.ts'

/** The longest chains with their keys are some tens of KiB. */
const FILE_BYTES_MAX = 1024 * 1024

/** Of the three parts of a PKCS#12 file, those before the check of the password. */
const VERSION_AND_CONTENT = 2

/** In PKCS#8, and in the older forms. */
const ENCRYPTED_KEY = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

export interface TlsFiles {
  /** The certificate and its chain, in PEM. */
  readonly cert: string
  readonly key: string
}

export interface TlsSettings {
  readonly tls_certificate_path: string
  readonly tls_private_key_path: string
  readonly tls_pkcs12_path: string
  readonly tls_pkcs12_password: string
}

/** Files that cannot be used; the message says which and why. */
export class TlsError extends Error {
  override name = 'TlsError'
}

export function readTlsFiles(settings: TlsSettings): TlsFiles {
  const { tls_pkcs12_path, tls_certificate_path, tls_private_key_path } = settings
  if (tls_pkcs12_path !== '') return readPkcs12(tls_pkcs12_path, settings.tls_pkcs12_password)
  const cert = readFile('tls_certificate_path', tls_certificate_path).toString('latin1')
  const key = readFile('tls_private_key_path', tls_private_key_path).toString('latin1')
  checkPair({ cert, key }, tls_certificate_path, tls_private_key_path)
  return { cert, key }
}

/** What a start would find wrong with the files, for --check. */
export function checkTls(settings: TlsSettings & { readonly use_tls: boolean }): CheckFindings {
  const { use_tls, tls_pkcs12_path, tls_certificate_path, tls_private_key_path } = settings
  const isNamed =
    tls_pkcs12_path !== '' || (tls_certificate_path !== '' && tls_private_key_path !== '')
  if (!use_tls || !isNamed) return { problems: [], warnings: [] }
  try {
    return { problems: [], warnings: tlsWarnings(readTlsFiles(settings)) }
  } catch (error) {
    if (error instanceof TlsError) return { problems: [error.message], warnings: [] }
    throw error
  }
}

/** Why clients will refuse the certificate, although the server takes it: one line for each reason. */
export function tlsWarnings({ cert }: TlsFiles): string[] {
  const { subject, validFrom, validTo } = new X509Certificate(firstCertificate(cert))
  const found = `the certificate (${printable(subject)})`
  const now = Date.now()
  if (Date.parse(validTo) < now) return [`${found} has expired, on ${validTo}: renew it`]
  if (Date.parse(validFrom) <= now) return []
  return [`${found} is valid from ${validFrom} on: see whether the clock is right`]
}

function readFile(setting: string, path: string): Buffer {
  try {
    return readRegularFile(path, FILE_BYTES_MAX)
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    throw new TlsError(`[network] ${setting} '${path}' cannot be read: ${error.message}`)
  }
}

function checkPair({ cert, key }: TlsFiles, certPath: string, keyPath: string): void {
  const certificate = parsed(`'${certPath}' holds no certificate in PEM`, () => {
    return new X509Certificate(firstCertificate(cert))
  })
  if (ENCRYPTED_KEY.test(key)) {
    throw new TlsError(
      `the key in '${keyPath}' is encrypted, and no setting takes its passphrase: remove that with ` +
        `«openssl pkey -in '${keyPath}' -out NEW_FILE», and name the new file`,
    )
  }
  const privateKey = parsed(`'${keyPath}' holds no private key in PEM that can be used`, () => {
    return createPrivateKey(key)
  })
  if (certificate.checkPrivateKey(privateKey)) return
  throw new TlsError(`the key in '${keyPath}' is not that of the certificate in '${certPath}'`)
}

function firstCertificate(pem: string): string {
  const match = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem)
  if (match === null) throw new Error('no certificate')
  return match[0]
}

function parsed<T>(fault: string, parse: () => T): T {
  try {
    return parse()
  } catch {
    throw new TlsError(fault)
  }
}

// The library reads the container, checks the password and decrypts. Two of its ways are replaced:
//
//  - Newer encryption (PBES2) takes the password in UTF-8, the password's check and older encryption
//    in UTF-16; the library has one text for all. Deciding by its errors does not do: of 256 files that
//    are decrypted with the wrong key, one ends in what looks like padding, and its random bytes are
//    then read as ASN.1 (seen as «Only 8, 16, 24, or 32 bits supported: 80»).
//  - Keys and certificates that it knows become objects, and are written anew with other bytes (a
//    signature with RSA-PSS is broken by that). What it cannot parse it hands over as it is, which is
//    all that PEM needs.

interface Replaced {
  certificateFromAsn1(): never
  privateKeyFromAsn1(): never
  readonly pbe: { getCipherForPBES2: CipherFor }
}
type CipherFor = (oid: string, parameters: forge.asn1.Asn1, password: string) => unknown

const replaced = forge.pki as unknown as Replaced
const { getCipherForPBES2 } = replaced.pbe
replaced.pbe.getCipherForPBES2 = (oid, parameters, password) =>
  getCipherForPBES2(oid, parameters, forge.util.encodeUtf8(password))
replaced.certificateFromAsn1 = notParsed
replaced.privateKeyFromAsn1 = notParsed

function notParsed(): never {
  throw new Error('not parsed')
}

function readPkcs12(path: string, password: string): TlsFiles {
  const bytes = readFile('tls_pkcs12_path', path)
  const container = openPkcs12(path, bytes, password)
  const { pkcs8ShroudedKeyBag, keyBag, certBag } = forge.pki.oids
  const key = [pkcs8ShroudedKeyBag, keyBag].flatMap((type) => pemsOf(container, type)).at(0)
  const certificates = pemsOf(container, certBag)
  if (key === undefined || certificates.length === 0) {
    const missing = key === undefined ? 'private key' : 'certificate'
    throw new TlsError(`[network] tls_pkcs12_path '${path}' holds no ${missing}`)
  }
  const where = `[network] tls_pkcs12_path '${path}' holds`
  const privateKey = parsed(`${where} a private key of a kind that cannot be used`, () => {
    return createPrivateKey(key)
  })
  const own = parsed(`${where} a certificate of a kind that cannot be used`, () => {
    return certificates.find((pem) => new X509Certificate(pem).checkPrivateKey(privateKey))
  })
  if (own === undefined) throw new TlsError(`${where} a key that is not its certificate's`)
  // The server wants its own certificate first.
  return { cert: [own, ...certificates.filter((pem) => pem !== own)].join(''), key }
}

function openPkcs12(path: string, bytes: Buffer, password: string): forge.pkcs12.Pkcs12Pfx {
  const fault = (what: string) => new TlsError(`[network] tls_pkcs12_path '${path}' ${what}`)
  let asn1: forge.asn1.Asn1
  try {
    asn1 = forge.asn1.fromDer(bytes.toString('latin1'))
  } catch {
    throw fault('is no PKCS#12 file')
  }
  try {
    return forge.pkcs12.pkcs12FromAsn1(asn1, false, password)
  } catch (error) {
    const { message } = error as Error
    if (/MAC could not be verified/.test(message)) {
      throw fault('cannot be opened with tls_pkcs12_password: that is not its password')
    }
    if (/is not an PKCS#12 PFX/.test(message)) throw fault('is no PKCS#12 file')
    // Without that check, a wrong password shows as any error at all.
    if (asn1.value.length <= VERSION_AND_CONTENT) {
      throw fault(
        'cannot be opened with tls_pkcs12_password: that is not its password, or it is damaged',
      )
    }
    throw fault(
      `cannot be read (${message}). Make PEM of it with «openssl pkcs12 -in '${path}' -nodes -out NEW_FILE», ` +
        'and name that in tls_certificate_path and tls_private_key_path',
    )
  }
}

function pemsOf(container: forge.pkcs12.Pkcs12Pfx, bagType: string): string[] {
  const label = bagType === forge.pki.oids.certBag ? 'CERTIFICATE' : 'PRIVATE KEY'
  const bags = container.getBags({ bagType })[bagType] ?? []
  return bags.map(({ asn1 }) => pem(label, asn1))
}

function pem(type: string, asn1: forge.asn1.Asn1): string {
  const base64 = Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1').toString('base64')
  // No empty line at the end, when the last one is full: readers of PEM stop there.
  const lines = base64.replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${type}-----\n${lines}\n-----END ${type}-----\n`
}

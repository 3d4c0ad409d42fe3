// Certificate and key, from the files that the settings name: PEM, or PKCS#12 turned into PEM. Read by
// main.ts at the start, by certificate-change.ts on SIGUSR1, and by --check.
//
// All mistakes are reported here, in words: an unreadable file, a wrong password, a key of another certificate, a
// file of which a part is missing. The server would only say «BoringSSL error», or end the worker.
// So it is never given what is in a file, but what was read from it, certificate by certificate, and that
// the same library has accepted before.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { type CheckFindings, StartError } from '../config/cli.ts'
import { printable } from '../config/output.ts'
import { listOf } from '../config/setting.ts'
import { type PemBlock, PemError, parsePem, pemText } from './pem.ts'
import { readPkcs12, type Say } from './pkcs12.ts'
import { parsed, readTlsFile, TlsError, type TlsPathSetting } from './tls-file.ts'

/** In PKCS#8, and in the older forms. */
const ENCRYPTED_KEY = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

const CERTIFICATE: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE'])
/** Allowed beside certificates: keys and their parameters, in files for several programs. */
const BESIDE_CERTIFICATES = /(?:PRIVATE KEY|PARAMETERS)$/
const PRIVATE_KEY = /PRIVATE KEY$/

/** Shorter keys of RSA have no room for the signatures of TLS 1.2 and 1.3, and no client takes them. */
const RSA_BITS_MIN = 1024

export interface CertificatePair {
  /** The certificate and its chain, in PEM. */
  readonly cert: string
  readonly key: string
}

/** The first of them, and the others: contexts.ts says who gets which. */
export interface TlsFiles extends CertificatePair {
  readonly others: readonly CertificatePair[]
}

export interface TlsSettings {
  readonly tls_certificate_path: string | readonly string[]
  /** As many, in the same order. */
  readonly tls_private_key_path: string | readonly string[]
  readonly tls_pkcs12_path: string
  readonly tls_pkcs12_password: string
}

/** `say` is called before what takes long. Throws TlsError. */
export function readTlsFiles(settings: TlsSettings, say: Say): TlsFiles {
  const { tls_pkcs12_path } = settings
  if (tls_pkcs12_path !== '') {
    const files = readPkcs12(tls_pkcs12_path, settings.tls_pkcs12_password, say)
    prove(files, tls_pkcs12_path)
    return { ...files, others: [] }
  }
  const keys = listOf(settings.tls_private_key_path)
  const pairs = listOf(settings.tls_certificate_path).map((path, index) => {
    const pair = readPem(path, keys[index])
    prove(pair, path)
    return pair
  })
  const [first, ...others] = pairs
  return { ...first, others }
}

/** The files of a start, which ends with what is wrong with them. */
export function tlsForStart(
  settings: TlsSettings,
  tell: { info(text: string): void; warn(text: string): void },
): TlsFiles {
  try {
    const files = readTlsFiles(settings, tell.info)
    for (const text of tlsWarnings(files)) tell.warn(text)
    return files
  } catch (error) {
    if (error instanceof TlsError) throw new StartError(error.message)
    throw error
  }
}

/** What a start would find wrong with the files, for --check. */
export function checkTls(
  settings: TlsSettings & { readonly use_tls: boolean },
  say: Say,
): CheckFindings {
  const { use_tls, tls_pkcs12_path, tls_certificate_path, tls_private_key_path } = settings
  const certificates = listOf(tls_certificate_path).length
  const isNamed =
    tls_pkcs12_path !== '' ||
    (certificates > 0 && certificates === listOf(tls_private_key_path).length)
  if (!use_tls || !isNamed) return { problems: [], warnings: [] }
  try {
    return { problems: [], warnings: tlsWarnings(readTlsFiles(settings, say)) }
  } catch (error) {
    if (error instanceof TlsError) return { problems: [error.message], warnings: [] }
    throw error
  }
}

/** Why clients will refuse the certificate, although the server takes it: one line for each reason. */
export function tlsWarnings({ cert, others }: TlsFiles): string[] {
  return [cert, ...others.map((each) => each.cert)].flatMap(chainWarnings)
}

function chainWarnings(cert: string): string[] {
  return parsePem(cert).flatMap(({ label, bytes }, index) => {
    const what = index === 0 ? 'the certificate' : `certificate ${index + 1} of the chain`
    return periodWarnings(what, new X509Certificate(pemText(label, bytes)))
  })
}

function periodWarnings(what: string, certificate: X509Certificate): string[] {
  const { validFrom, validTo } = certificate
  const found = `${what} (${printable(nameOf(certificate))})`
  const now = Date.now()
  if (Date.parse(validTo) < now) return [`${found} has expired, on ${validTo}: renew it`]
  if (Date.parse(validFrom) <= now) return []
  return [`${found} is valid from ${validFrom} on: see whether the clock is right`]
}

/** Newer authorities leave the subject empty, which the runtime then has no text for. */
export function nameOf(certificate: X509Certificate): string {
  const { subject, subjectAltName } = certificate as Partial<X509Certificate>
  return subject ?? subjectAltName ?? 'without a name'
}

function readPem(certificatePath: string, keyPath: string): CertificatePair {
  const certText = readTlsFile('tls_certificate_path', certificatePath).toString('latin1')
  const keyText = readTlsFile('tls_private_key_path', keyPath).toString('latin1')
  const cert = certificatesIn(certText, certificatePath)
  const key = privateKeyIn(keyText, keyPath)
  if (new X509Certificate(cert).checkPrivateKey(key.object)) return { cert, key: key.pem }
  throw new TlsError(
    `the key in '${keyPath}' is not that of the certificate in '${certificatePath}'`,
  )
}

function certificatesIn(text: string, path: string): string {
  const blocks = blocksIn(text, 'tls_certificate_path', path)
  const certificates = blocks.filter(({ label }) => CERTIFICATE.has(label))
  if (certificates.length === 0) {
    const isKey = blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))
    const found = isKey ? 'no certificate, but a private key' : 'no certificate in PEM'
    throw new TlsError(`[network] tls_certificate_path '${path}' holds ${found}`)
  }
  for (const { label, line } of blocks) {
    if (CERTIFICATE.has(label) || BESIDE_CERTIFICATES.test(label)) continue
    throw new TlsError(
      `[network] tls_certificate_path '${path}': line ${line} begins a block (${label}) that is no ` +
        'certificate and would be left out: delete it, or convert it to a CERTIFICATE',
    )
  }
  return certificates.map((block) => certificateOf(block, path)).join('')
}

function certificateOf({ line, bytes, hasHeaders }: PemBlock, path: string): string {
  const fault =
    `[network] tls_certificate_path '${path}': the certificate that begins in line ${line} cannot ` +
    'be read: it is damaged or incomplete'
  if (hasHeaders) throw new TlsError(fault)
  const pem = pemText('CERTIFICATE', bytes)
  // As bytes, it would be accepted with anything after it.
  parsed(fault, () => new X509Certificate(pem))
  return pem
}

function privateKeyIn(text: string, path: string): { pem: string; object: KeyObject } {
  if (ENCRYPTED_KEY.test(text)) {
    throw new TlsError(
      `the key in '${path}' is encrypted, and no setting takes its passphrase: remove that with ` +
        `«openssl pkey -in '${path}' -out NEW_FILE», and name the new file`,
    )
  }
  const blocks = blocksIn(text, 'tls_private_key_path', path)
  const block = blocks.find(({ label }) => PRIVATE_KEY.test(label))
  const fault = `'${path}' holds no private key in PEM that can be used`
  if (block === undefined) throw new TlsError(fault)
  const pem = pemText(block.label, block.bytes)
  return { pem, object: parsed(fault, () => createPrivateKey(pem)) }
}

function blocksIn(text: string, setting: TlsPathSetting, path: string): PemBlock[] {
  try {
    return parsePem(text)
  } catch (error) {
    if (!(error instanceof PemError)) throw error
    throw new TlsError(`[network] ${setting} '${path}': ${error.message}`)
  }
}

/** Checks both together with the server's library, before any server gets them. */
function prove({ cert, key }: CertificatePair, path: string): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(key)
  const bits = asymmetricKeyDetails?.modulusLength ?? RSA_BITS_MIN
  if (bits < RSA_BITS_MIN) {
    throw new TlsError(`the key of '${path}' has ${bits} bits, too few for TLS: make one of 2048`)
  }
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const { message } = error as Error
    throw new TlsError(
      `the certificate and key of '${path}' (${asymmetricKeyType ?? 'unknown'}) cannot be used for ` +
        `TLS here: ${printable(message)}. Make one with a key of EC (P-256) or RSA`,
    )
  }
}

// Certificate and key, from the files that the settings name: PEM, or PKCS#12 turned into PEM (the
// server reads no PKCS#12). Read by main.ts at the start and again on SIGUSR1, by --check as well. Owns nothing.
//
// All mistakes show here, in words: an unreadable file, a wrong password, a key of another
// certificate. The server would say as much as «BoringSSL error».
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import forge from 'node-forge'

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
export function tlsFaults(settings: TlsSettings & { readonly use_tls: boolean }): string[] {
  const { use_tls, tls_pkcs12_path, tls_certificate_path, tls_private_key_path } = settings
  const isNamed =
    tls_pkcs12_path !== '' || (tls_certificate_path !== '' && tls_private_key_path !== '')
  if (!use_tls || !isNamed) return []
  try {
    readTlsFiles(settings)
    return []
  } catch (error) {
    if (error instanceof TlsError) return [error.message]
    throw error
  }
}

function readFile(setting: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TlsError(`[network] ${setting} '${path}' cannot be read (${code ?? String(error)})`)
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

// The library reads the container and decrypts it. Keys that it does not know (EC) it leaves as
// ASN.1, which is all that PEM needs.

function readPkcs12(path: string, password: string): TlsFiles {
  const bytes = readFile('tls_pkcs12_path', path)
  const container = openPkcs12(path, bytes, password)
  const keys = [forge.pki.oids.pkcs8ShroudedKeyBag, forge.pki.oids.keyBag].flatMap((type) =>
    bagsOf(container, type),
  )
  const certificates = bagsOf(container, forge.pki.oids.certBag)
  if (keys.length === 0 || certificates.length === 0) {
    const missing = keys.length === 0 ? 'private key' : 'certificate'
    throw new TlsError(`[network] tls_pkcs12_path '${path}' holds no ${missing}`)
  }
  const key = keyPem(keys[0])
  const pems = certificates.map(certificatePem)
  const own = pems.find((pem) => {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(key))
  })
  if (own === undefined) {
    throw new TlsError(
      `[network] tls_pkcs12_path '${path}' holds a key that is not its certificate's`,
    )
  }
  // The server wants its own certificate first.
  return { cert: [own, ...pems.filter((pem) => pem !== own)].join(''), key }
}

function openPkcs12(path: string, bytes: Buffer, password: string): forge.pkcs12.Pkcs12Pfx {
  let asn1: forge.asn1.Asn1
  try {
    asn1 = forge.asn1.fromDer(bytes.toString('latin1'))
  } catch {
    throw new TlsError(`[network] tls_pkcs12_path '${path}' is no PKCS#12 file`)
  }
  try {
    return decrypted(asn1, password)
  } catch (error) {
    const wrong = /invalid password|MAC could not be verified/i.test(String(error))
    const fault = wrong
      ? 'cannot be opened with tls_pkcs12_password: that is not its password'
      : `cannot be read: ${(error as Error).message}. Export it again, or use PEM`
    throw new TlsError(`[network] tls_pkcs12_path '${path}' ${fault}`)
  }
}

/**
 * Newer files are encrypted with the password in UTF-8, while the check of the password takes it in
 * UTF-16; the library uses the same text for both. So a password beyond ASCII needs a second try,
 * without the check, which has been passed by then.
 */
function decrypted(asn1: forge.asn1.Asn1, password: string): forge.pkcs12.Pkcs12Pfx {
  try {
    return forge.pkcs12.pkcs12FromAsn1(asn1, false, password)
  } catch (error) {
    const utf8 = forge.util.encodeUtf8(password)
    const parts = asn1.value
    if (utf8 === password || !/decrypt/i.test(String(error)) || typeof parts === 'string')
      throw error
    const unchecked = { ...asn1, value: parts.slice(0, VERSION_AND_CONTENT) }
    return forge.pkcs12.pkcs12FromAsn1(unchecked, false, utf8)
  }
}

function bagsOf(container: forge.pkcs12.Pkcs12Pfx, bagType: string): forge.pkcs12.Bag[] {
  return container.getBags({ bagType })[bagType] ?? []
}

function keyPem(bag: forge.pkcs12.Bag): string {
  const asn1 = bag.key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key)) : bag.asn1
  return pem('PRIVATE KEY', asn1)
}

function certificatePem(bag: forge.pkcs12.Bag): string {
  return pem('CERTIFICATE', bag.cert ? forge.pki.certificateToAsn1(bag.cert) : bag.asn1)
}

function pem(type: string, asn1: forge.asn1.Asn1): string {
  const base64 = Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1').toString('base64')
  return `-----BEGIN ${type}-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END ${type}-----\n`
}

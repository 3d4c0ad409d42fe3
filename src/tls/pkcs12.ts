// Certificate and key out of a PKCS#12 file, as PEM: the server reads no PKCS#12. Called by tls.ts.
// Nobody else uses the library's functions that it replaces.
//
// The library reads the container, checks the password and decrypts. These of its methods are replaced:
//
//  - Newer encryption (PBES2) takes the password in UTF-8, the password's check and older encryption
//    in UTF-16; the library has one text for all. Its errors do not help to decide: of 256 files
//    decrypted with the wrong key, one ends in what looks like padding, and its random bytes are
//    then read as ASN.1 (seen as «Only 8, 16, 24, or 32 bits supported: 80»).
//  - Keys and certificates that it knows become objects, and are written anew with other bytes (a
//    signature with RSA-PSS is broken by that). What it cannot parse it hands over as it is, which is
//    all that PEM needs.
//  - It derives keys in JavaScript: 8 seconds for a file with 200,000 rounds, which the platform's code
//    reads in a fifth of a second (pkcs12-keys.ts).
import { createPrivateKey, X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import { pemText } from './pem.ts'
import { deriveKey, stretchPassword } from './pkcs12-keys.ts'
import { parsed, readTlsFile, TlsError } from './tls-file.ts'

/** Of the three parts of a PKCS#12 file, those before the check of the password. */
const VERSION_AND_CONTENT = 2

/** What takes a second on a slow machine: then the reading is announced. openssl takes 2,048 by itself. */
const ROUNDS_QUICK = 500_000
/** Ten seconds on a slow machine: more would look like a tracker that hangs, and protect no better. */
const ROUNDS_MAX = 8_000_000

/** Called before what takes long. */
export type Say = (text: string) => void

class RoundsError extends Error {
  override name = 'RoundsError'
}

/** Asked before each derivation of a key; set while a file is being read. */
let beforeRounds: (rounds: number) => void = () => {}

interface Replaced {
  readonly pki: {
    certificateFromAsn1: () => never
    privateKeyFromAsn1: () => never
    readonly pbe: { getCipherForPBES2: CipherFor; generatePkcs12Key: typeof deriveForLibrary }
  }
  readonly pkcs12: { generateKey: typeof deriveForLibrary }
  readonly pkcs5: { pbkdf2: typeof stretchForLibrary }
}
type CipherFor = (oid: string, parameters: forge.asn1.Asn1, password: string) => unknown
/** The library's texts: one character for each byte. */
type Bytes = string
interface Digest {
  readonly algorithm: string
}

const replaced = forge as unknown as Replaced
const { getCipherForPBES2 } = replaced.pki.pbe
replaced.pki.pbe.getCipherForPBES2 = (oid, parameters, password) =>
  getCipherForPBES2(oid, parameters, forge.util.encodeUtf8(password))
replaced.pki.pbe.generatePkcs12Key = deriveForLibrary
replaced.pkcs12.generateKey = deriveForLibrary
replaced.pkcs5.pbkdf2 = stretchForLibrary
replaced.pki.certificateFromAsn1 = notParsed
replaced.pki.privateKeyFromAsn1 = notParsed

function notParsed(): never {
  throw new Error('not parsed')
}

function deriveForLibrary(
  password: string,
  salt: forge.util.ByteBuffer,
  purpose: number,
  rounds: number,
  size: number,
  { algorithm }: Digest,
): forge.util.ByteBuffer {
  beforeRounds(rounds)
  const saltBytes = Buffer.from(salt.bytes(), 'latin1')
  const key = deriveKey({ password, salt: saltBytes, purpose, rounds, size, algorithm })
  return forge.util.createBuffer(key.toString('latin1'))
}

function stretchForLibrary(
  password: Bytes,
  salt: Bytes,
  rounds: number,
  size: number,
  { algorithm }: Digest,
): Bytes {
  beforeRounds(rounds)
  const [secret, saltBytes] = [password, salt].map((text) => Buffer.from(text, 'latin1'))
  return stretchPassword({ secret, salt: saltBytes, rounds, size, algorithm }).toString('latin1')
}

export function readPkcs12(
  path: string,
  password: string,
  say: Say,
): { cert: string; key: string } {
  const bytes = readTlsFile('tls_pkcs12_path', path)
  beforeRounds = roundsOf(path, say)
  const container = openPkcs12(path, bytes, password)
  const { pkcs8ShroudedKeyBag, keyBag, certBag } = forge.pki.oids
  const key = [pkcs8ShroudedKeyBag, keyBag].flatMap((type) => pemsOf(container, type)).at(0)
  const certificates = pemsOf(container, certBag)
  if (key === undefined || certificates.length === 0) {
    const missing = key === undefined ? 'private key' : 'certificate'
    throw new TlsError(`[network] tls_pkcs12_path '${path}' holds no ${missing}`)
  }
  const where = `[network] tls_pkcs12_path '${path}' holds`
  const own = ownCertificate(where, certificates, key)
  // The server wants its own certificate first.
  return { cert: [own, ...certificates.filter((pem) => pem !== own)].join(''), key }
}

function roundsOf(path: string, say: Say): (rounds: number) => void {
  let told = false
  return (rounds) => {
    if (rounds > ROUNDS_MAX) {
      throw new RoundsError(`asks for ${rounds} rounds of its password, more than ${ROUNDS_MAX}`)
    }
    if (rounds <= ROUNDS_QUICK || told) return
    told = true
    say(`reading '${path}', whose password takes ${rounds} rounds: this may take some seconds`)
  }
}

function ownCertificate(where: string, certificates: readonly string[], key: string): string {
  const privateKey = parsed(`${where} a private key of a kind that cannot be used`, () => {
    return createPrivateKey(key)
  })
  const isOwn = parsed(`${where} a certificate of a kind that cannot be used`, () => {
    return certificates.map((pem) => new X509Certificate(pem).checkPrivateKey(privateKey))
  })
  const own = certificates[isOwn.indexOf(true)]
  if (own === undefined)
    throw new TlsError(`${where} a key that does not belong to its certificate`)
  return own
}

function openPkcs12(path: string, bytes: Buffer, password: string): forge.pkcs12.Pkcs12Pfx {
  const fault = (what: string) => new TlsError(`[network] tls_pkcs12_path '${path}' ${what}`)
  const remedy =
    `Make PEM of it with «openssl pkcs12 -in '${path}' -nodes -out NEW_FILE», and name that in ` +
    'tls_certificate_path and tls_private_key_path'
  const asn1 = asn1Of(bytes)
  if (asn1 === null) throw fault('is no PKCS#12 file, or a part of one is missing')
  try {
    return forge.pkcs12.pkcs12FromAsn1(asn1, false, password)
  } catch (error) {
    const { message } = error as Error
    if (error instanceof RoundsError) throw fault(`${message}. ${remedy}`)
    if (/MAC could not be verified/.test(message)) {
      throw fault('cannot be opened with tls_pkcs12_password: that is not its password')
    }
    if (/is not an PKCS#12 PFX/.test(message))
      throw fault('is no PKCS#12 file, or a part of one is missing')
    // Without that check, a wrong password shows as any error at all.
    if (asn1.value.length <= VERSION_AND_CONTENT) {
      throw fault(
        'cannot be opened with tls_pkcs12_password: that is not its password, or it is damaged',
      )
    }
    throw fault(`cannot be read (${message}). ${remedy}`)
  }
}

/** Null when it is not ASN.1, or anything but line ends follows, which editors and transfers add. */
function asn1Of(bytes: Buffer): forge.asn1.Asn1 | null {
  const buffer = forge.util.createBuffer(bytes.toString('latin1'))
  const wholeOrMore: object = { parseAllBytes: false }
  try {
    const asn1 = forge.asn1.fromDer(buffer, wholeOrMore as never)
    return /^[\r\n]*$/.test(buffer.bytes()) ? asn1 : null
  } catch {
    return null
  }
}

function pemsOf(container: forge.pkcs12.Pkcs12Pfx, bagType: string): string[] {
  const label = bagType === forge.pki.oids.certBag ? 'CERTIFICATE' : 'PRIVATE KEY'
  const bags = container.getBags({ bagType })[bagType] ?? []
  return bags.map(({ asn1 }) => {
    return pemText(label, Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1'))
  })
}

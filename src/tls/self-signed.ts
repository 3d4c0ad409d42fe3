// A certificate that nobody has signed but itself: until the first one of an authority comes (acme.ts), and for tests
// (test-mode/). Owns nothing.
import { generateKeyPairSync, sign } from 'node:crypto'
import forge from 'node-forge'

const DAY_MS = 86_400_000
const LIFETIME_DAYS = 365
const ALT_NAME_DNS = 2
const ALT_NAME_ADDRESS = 7

export interface SelfSigned {
  readonly key: string
  readonly certificate: string
}

/** `names` and `addresses`: for whom it is valid. */
export function selfSigned(
  commonName: string,
  names: readonly string[] = [],
  addresses: readonly string[] = [],
): SelfSigned {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const certificate = forge.pki.createCertificate()
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = '01'
  certificate.validity.notBefore = new Date(Date.now() - DAY_MS)
  certificate.validity.notAfter = new Date(Date.now() + LIFETIME_DAYS * DAY_MS)
  const name = [{ name: 'commonName', value: commonName }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  const altNames = [
    ...names.map((value) => ({ type: ALT_NAME_DNS, value })),
    ...addresses.map((ip) => ({ type: ALT_NAME_ADDRESS, ip })),
  ]
  if (altNames.length > 0) certificate.setExtensions([{ name: 'subjectAltName', altNames }])
  // pkcs12.ts replaces the library's functions for private keys, so the platform signs.
  const signer = {
    sign: () => {
      const content = forge.asn1.toDer(certificate.tbsCertificate as forge.asn1.Asn1).getBytes()
      return sign('sha256', Buffer.from(content, 'latin1'), pair.privateKey).toString('latin1')
    },
  }
  certificate.sign(signer as never, forge.md.sha256.create())
  return { key, certificate: forge.pki.certificateToPem(certificate) }
}

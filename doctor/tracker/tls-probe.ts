// Looks at the TLS of a tracker: its certificate, as strict clients do, and its versions. Called by the probes of https and wss.
import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls'
import type { Patience } from './deadline.ts'
import type { Diagnosis } from './diagnosis.ts'
import type { Endpoint } from './endpoint.ts'
import { Connection } from './http/connection.ts'

const DAY_MS = 86_400_000
/** Let's Encrypt's last mail before the end, once, and twice what its clients leave of 6-day certificates. */
const DAYS_MIN = 10
const UNVERIFIED = 'Clients that verify (most do) refuse the connection.'

/** False if there is no TLS at all. `authority`: one to trust beside the system's, as PEM. */
export async function probeTls(
  endpoint: Endpoint,
  patience: Patience,
  diagnosis: Diagnosis,
  authority?: string,
): Promise<boolean> {
  const extra = authority === undefined ? {} : { ca: authority }
  const connection = await diagnosis.step('tls', 'There is no TLS', 'No client is served.', () =>
    Connection.open(endpoint, patience, extra),
  )
  if (connection === undefined) return false
  const { tls } = connection
  if (tls !== null) {
    certificate(tls, endpoint, diagnosis)
    diagnosis.good('tls_version', `The handshake agrees on ${tls.getProtocol()}.`)
  }
  connection.close()
  if (await speaks(endpoint, patience, 'TLSv1.1')) {
    diagnosis.add(
      'warning',
      'tls_version',
      'It speaks TLS 1.1, which RFC 8996 forbids.',
      'It has known weaknesses.',
      'Allow TLS 1.2 and newer alone.',
    )
  }
  if (!(await speaks(endpoint, patience, 'TLSv1.2'))) {
    diagnosis.add(
      'warning',
      'tls_1_2',
      'It does not speak TLS 1.2.',
      'Older clients know nothing newer.',
    )
  }
  return true
}

async function speaks(
  endpoint: Endpoint,
  patience: Patience,
  only: 'TLSv1.1' | 'TLSv1.2',
): Promise<boolean> {
  try {
    const connection = await Connection.open(endpoint, patience, {
      minVersion: only,
      maxVersion: only,
    })
    connection.close()
    return true
  } catch {
    return false
  }
}

function certificate(tls: TLSSocket, { url }: Endpoint, diagnosis: Diagnosis): void {
  const shownCertificate = tls.getPeerCertificate(true)
  const days = Math.floor((Date.parse(shownCertificate.valid_to) - Date.now()) / DAY_MS)
  const error = String(tls.authorizationError ?? '')
  const isExpired = days < 0
  // A chain that has a problem beside the name and the time.
  const isChainWrong = error !== '' && !/ALTNAME|HAS_EXPIRED/.test(error)
  if (isChainWrong)
    diagnosis.add(
      'fault',
      'certificate_chain',
      chainText(error, shownCertificate),
      UNVERIFIED,
      chainRemedy(error),
    )
  else if (!isExpired)
    diagnosis.good(
      'certificate_chain',
      `The certificate is by ${issuerOf(shownCertificate)}, which this system trusts.`,
    )
  const mismatch = checkServerIdentity(url.host, shownCertificate)
  if (mismatch === undefined)
    diagnosis.good('certificate_name', `The certificate is for ${url.host}.`)
  else {
    const names = shownCertificate.subjectaltname ?? shownCertificate.subject?.CN ?? 'no name'
    const remedy =
      isIP(url.host) === 0
        ? `Get a certificate for ${url.host}.`
        : 'Give clients a URL with a name.'
    diagnosis.add(
      'fault',
      'certificate_name',
      `The certificate is for ${names}, not for ${url.host}.`,
      UNVERIFIED,
      remedy,
    )
  }
  if (isExpired)
    diagnosis.add(
      'fault',
      'certificate_days',
      `The certificate expired ${-days} days ago.`,
      UNVERIFIED,
      'Renew it, and have the tracker read it.',
    )
  else if (days < DAYS_MIN)
    diagnosis.add(
      'warning',
      'certificate_days',
      `The certificate has ${days} days left.`,
      'Its renewal has probably failed.',
      'See why it was not renewed.',
    )
  else diagnosis.good('certificate_days', `The certificate has ${days} days left.`)
}

function issuerOf({ issuer }: PeerCertificate): string {
  return String(issuer?.O ?? issuer?.CN ?? 'nobody')
}

function chainText(error: string, shownCertificate: PeerCertificate): string {
  if (/SELF_SIGNED/.test(error))
    return `The certificate is signed by itself or by an unknown authority (${error}).`
  return `The chain of the certificate by ${issuerOf(shownCertificate)} cannot be verified (${error}).`
}

function chainRemedy(error: string): string {
  if (/UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(error)) {
    return 'Serve the whole chain: of Let’s Encrypt fullchain.pem, not cert.pem.'
  }
  return 'Get a certificate of an authority that systems trust, such as Let’s Encrypt.'
}

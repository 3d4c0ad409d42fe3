// The settings of certificates that the tracker gets by itself (ACME), what is wrong with them, and the files that they
// mean. Used by the config.ts of a protocol over TLS, and by acme.ts. Owns nothing.
import { join } from 'node:path'
import { type Finding, problem, section } from '../config/schema.ts'
import { boolean, listOf, refuseNul, string, stringOrList } from '../config/setting.ts'

export const acmeSettings = section(
  `A certificate that the tracker gets and renews by itself, from an authority that speaks ACME (RFC 8555) such as
  Let's Encrypt. The authority asks by plain HTTP on port 80 (HTTP-01), so [network] plain_address has to be reached there.`,
  {
    domains: stringOrList(
      '',
      { allowed: "'', or a host name such as 'tracker.example.com'", check: checkDomain },
      `The names of the certificate. '' gets none: then [network] says where the certificate is.`,
    ),
    path: string(
      '',
      { check: refuseNul },
      `The folder for certificate, keys and account, which the tracker's user must be able to write. It is made if it
      is missing. Until the first certificate is there, one is shown that no client trusts.`,
    ),
    terms_accepted: boolean(false, `You accept the authority's terms of service. It is needed.`),
    email: string(
      '',
      { allowed: "'', or an address", check: checkEmail },
      `Where the authority can reach you.`,
    ),
    directory: string(
      'https://acme-v02.api.letsencrypt.org/directory',
      { allowed: 'a URL', check: checkDirectory },
      `The authority's directory. Try things out with one for tests: the usual one refuses a name for hours after a few
      failures.`,
    ),
  },
)

export interface AcmeConfig {
  readonly domains: string | readonly string[]
  readonly path: string
  readonly terms_accepted: boolean
  readonly email: string
  readonly directory: string
}

export function acmeDomains({ domains }: AcmeConfig): readonly string[] {
  return listOf(domains)
}

export interface AcmeFiles {
  readonly certificate: string
  readonly key: string
  readonly account: string
  /** Below it are the answers for the authority. */
  readonly webroot: string
}

export function acmeFiles({ path }: AcmeConfig): AcmeFiles {
  return {
    certificate: join(path, 'certificate.pem'),
    key: join(path, 'key.pem'),
    account: join(path, 'account-key.pem'),
    webroot: join(path, 'webroot'),
  }
}

interface AcmeSurroundings {
  readonly use_tls: boolean
  readonly tls_certificate_path: string | readonly string[]
  readonly tls_pkcs12_path: string
  readonly plain_address: string | readonly string[]
}

export function acmeFindings(
  acme: AcmeConfig,
  network: AcmeSurroundings,
  privileges: { readonly drop_privileges: boolean; readonly chroot_path: string },
): Finding[] {
  if (acmeDomains(acme).length === 0) return []
  const found: Finding[] = []
  const add = (path: string, text: string) => found.push(problem([path], text))
  if (!network.use_tls) add('acme.domains', '[acme] domains needs [network] use_tls = true.')
  if (acme.path === '')
    add('acme.domains', '[acme] domains needs [acme] path, a folder to keep it in.')
  if (!acme.terms_accepted) {
    add(
      'acme.terms_accepted',
      `[acme] terms_accepted is false: read the authority's terms, and set it to true.`,
    )
  }
  if (listOf(network.tls_certificate_path).length > 0 || network.tls_pkcs12_path !== '') {
    add('acme.domains', '[network] names a certificate and [acme] gets one: empty one of them.')
  }
  if (listOf(network.plain_address).length === 0) {
    add(
      'acme.domains',
      '[acme] domains needs [network] plain_address: the authority asks there, on port 80.',
    )
  }
  if (privileges.drop_privileges && privileges.chroot_path !== '/') {
    const text = `[acme] needs files of the system (name servers, authorities) that [privileges] chroot_path hides: set
      it to '/', let systemd start the tracker as another user, or let certbot get the certificate.`
    add('acme.domains', text)
  }
  return found
}

function checkDomain(text: string) {
  if (text === '' || /^(?:[a-z0-9_](?:[a-z0-9-]{0,62})\.)*[a-z0-9-]{1,63}$/i.test(text)) return null
  const fault = text.includes('*') ? 'has a wildcard' : 'is not a host name'
  return {
    fault,
    remedy: "Write one such as 'tracker.example.com'; wildcards need another way than HTTP-01",
  }
}

function checkEmail(text: string) {
  if (text === '' || /^[^\s@]+@[^\s@]+$/.test(text)) return null
  return { fault: 'is not an address', remedy: "Write one such as 'admin@example.com'" }
}

function checkDirectory(text: string) {
  const url = URL.parse(text)
  if (url !== null && url.protocol === 'https:') return null
  return {
    fault: 'is not a URL of https',
    remedy: "Write the authority's directory, such as 'https://acme.example/dir'",
  }
}

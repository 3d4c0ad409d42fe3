// A firewall's rules as far as the doctor understands them. Made by nft-rules.ts and iptables-rules.ts, judged by
// ruleset.ts.

/** Null: any port. `unknown`: those of a set that is not looked at. */
export type PortRanges = readonly (readonly [number, number])[] | null | 'unknown'

export interface Rule {
  /** Null: any. */
  readonly transports: readonly string[] | null
  readonly family: 4 | 6 | null
  readonly destinationPorts: PortRanges
  readonly sourcePorts: PortRanges
  /**
   * Of strangers' first packets that fit the fields above: all; some, by a condition that is not understood; or
   * none, because it is for others, such as connections that exist, or senders by address.
   */
  readonly matches: 'all' | 'some' | 'others'
  readonly verdict:
    | 'accept'
    | 'drop'
    | 'reject'
    | 'jump'
    | 'goto'
    | 'return'
    | 'notrack'
    | 'dnat'
    | 'masquerade'
    | 'unknown'
    | 'none'
  /** Of a jump. */
  readonly target: string
}

export interface Chain {
  readonly family: string
  readonly table: string
  readonly name: string
  /** Null for one that others call. */
  readonly hook: string | null
  readonly type: string
  readonly policy: 'accept' | 'drop'
  readonly rules: readonly Rule[]
}

/** While it is read. */
export type OpenRule = { -readonly [K in keyof Rule]: Rule[K] }

export function emptyRule(): OpenRule {
  return {
    transports: null,
    family: null,
    destinationPorts: null,
    sourcePorts: null,
    matches: 'all',
    verdict: 'none',
    target: '',
  }
}

/** What is for others stays so; what is for some is so unless it is for others. */
export function narrow(rule: OpenRule, matches: 'some' | 'others'): void {
  if (rule.matches !== 'others') rule.matches = matches
}

/** States of connections; a stranger's first packet is new, or untracked where tracking is off. */
export function takesNew(states: readonly string[]): boolean {
  return states.some((state) => /^(new|untracked)$/i.test(state))
}

const PORT_MAX = 65_535

/** All but these. */
export function otherPorts(ports: PortRanges): PortRanges {
  if (ports === null || ports === 'unknown') return 'unknown'
  const others: (readonly [number, number])[] = []
  let next = 0
  for (const [first, last] of [...ports].sort((a, b) => a[0] - b[0])) {
    if (first > next) others.push([next, first - 1])
    next = Math.max(next, last + 1)
  }
  if (next <= PORT_MAX) others.push([next, PORT_MAX])
  return others
}

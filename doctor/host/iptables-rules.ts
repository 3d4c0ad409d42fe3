// Reads what `iptables-save` and `ip6tables-save` print. Called by ruleset.ts.
import {
  type Chain,
  emptyRule,
  narrow,
  type OpenRule,
  otherPorts,
  type PortRanges,
  type Rule,
  takesNew,
} from './rules.ts'

const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']
/** Extensions that say nothing about which packets match, or whose options are read. */
const PLAIN_EXTENSIONS = ['udp', 'tcp', 'multiport', 'conntrack', 'state', 'comment']

interface OpenChain extends Omit<Chain, 'rules'> {
  readonly rules: Rule[]
}

export function iptablesChains(text: string, family: 'ip' | 'ip6'): Chain[] {
  const chains: OpenChain[] = []
  let table = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim()
    else if (line.startsWith(':')) chains.push(chainOf(line, table, family))
    else if (line.startsWith('-A ')) {
      const [, name, ...words] = wordsOf(line)
      chains
        .find((chain) => chain.table === table && chain.name === name)
        ?.rules.push(ruleOf(words))
    }
  }
  return chains
}

/** `:INPUT DROP [0:0]` */
function chainOf(line: string, table: string, family: string): OpenChain {
  const [name, policy] = line.slice(1).split(' ')
  const hook = HOOKS.includes(name) ? name.toLowerCase() : null
  const type = table === 'nat' ? 'nat' : 'filter'
  return {
    family,
    table,
    name,
    hook,
    type,
    policy: policy === 'DROP' ? 'drop' : 'accept',
    rules: [],
  }
}

/** Words at blanks; a text in quotes is one. */
function wordsOf(line: string): string[] {
  return (line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []) as string[]
}

function ruleOf(words: readonly string[]): Rule {
  const rule = emptyRule()
  let isNegated = false
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (word === '!') {
      isNegated = true
      continue
    }
    if (!word.startsWith('-')) continue
    const value = words[i + 1] ?? ''
    takeOption(rule, word, value, isNegated)
    isNegated = false
  }
  return rule
}

function takeOption(rule: OpenRule, option: string, value: string, isNegated: boolean): void {
  switch (option) {
    case '-p':
      if (isNegated) narrow(rule, 'some')
      else rule.transports = [value]
      break
    case '--dport':
    case '--dports':
      rule.destinationPorts = isNegated ? otherPorts(rangesIn(value)) : rangesIn(value)
      break
    case '--sport':
    case '--sports':
      rule.sourcePorts = isNegated ? otherPorts(rangesIn(value)) : rangesIn(value)
      break
    case '-s':
      narrow(rule, isNegated ? 'some' : 'others')
      break
    case '-i':
      if (value !== 'lo') narrow(rule, 'some')
      else if (!isNegated) narrow(rule, 'others')
      break
    case '-d':
    case '-o':
      narrow(rule, 'some')
      break
    case '--state':
    case '--ctstate':
      if (takesNew(value.split(',')) === isNegated) narrow(rule, 'others')
      break
    case '-m':
      if (!PLAIN_EXTENSIONS.includes(value))
        narrow(rule, value.startsWith('icmp') ? 'others' : 'some')
      break
    case '-j':
    case '-g':
      takeTarget(rule, value, option === '-g')
      break
    case '--notrack':
      rule.verdict = 'notrack'
  }
}

const VERDICTS: Readonly<Record<string, Rule['verdict']>> = {
  ACCEPT: 'accept',
  DROP: 'drop',
  REJECT: 'reject',
  RETURN: 'return',
  NOTRACK: 'notrack',
  DNAT: 'dnat',
  REDIRECT: 'dnat',
  MASQUERADE: 'masquerade',
  // They decide nothing, and the next rule follows.
  LOG: 'none',
  NFLOG: 'none',
  MARK: 'none',
  CONNMARK: 'none',
  CT: 'none',
  TRACE: 'none',
  SNAT: 'none',
  NFQUEUE: 'unknown',
}

function takeTarget(rule: OpenRule, target: string, isGoto: boolean): void {
  const verdict = Object.hasOwn(VERDICTS, target) ? VERDICTS[target] : undefined
  rule.verdict = verdict ?? (isGoto ? 'goto' : 'jump')
  if (verdict === undefined) rule.target = target
}

/** `3000`, `3000:3001`, `80,443,3000:3001` */
function rangesIn(text: string): PortRanges {
  const ranges = text.split(',').map((part) => {
    const [first, last = first] = part.split(':').map(Number)
    return [first, last] as const
  })
  return ranges.some((range) => range.some(Number.isNaN)) ? 'unknown' : ranges
}

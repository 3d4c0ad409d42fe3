// Reads what `nft -j list ruleset` prints. Called by ruleset.ts.
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

type Json = unknown

/** Null if it is not what nft prints. */
export function nftChains(text: string): Chain[] | null {
  const items = itemsOf(text)
  if (items === null) return null
  const rules = items.flatMap((item) => (isObject(item.rule) ? [item.rule] : []))
  return items.flatMap(({ chain }): Chain[] => {
    if (!isObject(chain)) return []
    const isOfChain = (rule: JsonObject) =>
      rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name
    return [
      {
        family: String(chain.family),
        table: String(chain.table),
        name: String(chain.name),
        hook: typeof chain.hook === 'string' ? chain.hook : null,
        type: typeof chain.type === 'string' ? chain.type : '',
        policy: chain.policy === 'drop' ? 'drop' : 'accept',
        rules: rules.filter(isOfChain).map(ruleOf),
      },
    ]
  })
}

interface JsonObject {
  readonly [key: string]: Json
}

function itemsOf(text: string): JsonObject[] | null {
  try {
    const { nftables } = JSON.parse(text) as { nftables?: Json }
    return Array.isArray(nftables) ? nftables.filter(isObject) : null
  } catch {
    return null
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function ruleOf({ expr }: JsonObject): Rule {
  const rule = emptyRule()
  for (const statement of Array.isArray(expr) ? expr.filter(isObject) : []) {
    for (const [name, value] of Object.entries(statement)) takeStatement(rule, name, value)
  }
  return rule
}

function takeStatement(rule: OpenRule, name: string, value: Json): void {
  switch (name) {
    case 'match':
      if (isObject(value)) takeMatch(rule, value)
      break
    case 'accept':
    case 'drop':
    case 'reject':
    case 'return':
    case 'notrack':
    case 'masquerade':
      rule.verdict = name
      break
    case 'dnat':
    case 'redirect':
      rule.verdict = 'dnat'
      break
    case 'jump':
    case 'goto':
      rule.verdict = name
      rule.target = isObject(value) ? String(value.target) : ''
      break
    case 'counter':
    case 'log':
    case 'comment':
    case 'mangle':
      break
    case 'vmap':
      takeVerdictMap(rule, value)
      break
    case 'xt':
    case 'queue':
      narrow(rule, 'some')
      if (rule.verdict === 'none') rule.verdict = 'unknown'
      break
    default:
      narrow(rule, 'some')
  }
}

/** That of the state of connections, with which many rulesets begin, is understood. */
function takeVerdictMap(rule: OpenRule, value: Json): void {
  const { key, data } = isObject(value) ? value : {}
  const pairs = isObject(data) && Array.isArray(data.set) ? data.set : null
  if (isObject(key) && isObject(key.ct) && key.ct.key === 'state' && pairs !== null) {
    const ofNew = pairs.find((pair) => Array.isArray(pair) && takesNew([String(pair[0])]))
    const verdict = Array.isArray(ofNew) && isObject(ofNew[1]) ? ofNew[1] : null
    if (verdict === null) narrow(rule, 'others')
    else for (const [name, target] of Object.entries(verdict)) takeStatement(rule, name, target)
    return
  }
  narrow(rule, 'some')
  rule.verdict = 'unknown'
}

function takeMatch(rule: OpenRule, { op, left, right }: JsonObject): void {
  if (!isObject(left)) {
    narrow(rule, 'some')
    return
  }
  const isEqual = op === '==' || op === 'in'
  if (isObject(left.payload)) takePayload(rule, left.payload, right, isEqual)
  else if (isObject(left.ct) && left.ct.key === 'state') takeState(rule, right, isEqual)
  else if (isObject(left.meta)) takeMeta(rule, String(left.meta.key), right, isEqual)
  else narrow(rule, 'some')
}

function takePayload(rule: OpenRule, payload: JsonObject, right: Json, isEqual: boolean): void {
  const { protocol, field } = payload
  if (field === 'dport' || field === 'sport') {
    if (protocol !== 'th') rule.transports = [String(protocol)]
    const ports = isEqual ? rangesIn(right) : otherPorts(rangesIn(right))
    if (field === 'dport') rule.destinationPorts = ports
    else rule.sourcePorts = ports
  } else if (field === 'saddr') narrow(rule, isEqual ? 'others' : 'some')
  else if (field === 'protocol' || field === 'nexthdr') takeTransports(rule, right, isEqual)
  else if (protocol === 'udp' || protocol === 'tcp') {
    rule.transports = [protocol]
    narrow(rule, 'some')
  } else if (typeof protocol === 'string' && protocol.startsWith('icmp')) narrow(rule, 'others')
  else narrow(rule, 'some')
}

function takeState(rule: OpenRule, right: Json, isEqual: boolean): void {
  const isForNew = takesNew(wordsIn(right))
  if (isForNew !== isEqual) narrow(rule, 'others')
}

function takeMeta(rule: OpenRule, key: string, right: Json, isEqual: boolean): void {
  const words = wordsIn(right)
  if (key === 'l4proto') takeTransports(rule, right, isEqual)
  else if (key === 'nfproto' && isEqual && words.length === 1) {
    rule.family = words[0] === 'ipv4' ? 4 : 6
  } else if (/^iif(name)?$/.test(key) && words.every((word) => word === 'lo')) {
    if (isEqual) narrow(rule, 'others')
  } else narrow(rule, 'some')
}

function takeTransports(rule: OpenRule, right: Json, isEqual: boolean): void {
  if (isEqual) rule.transports = wordsIn(right)
  else narrow(rule, 'some')
}

/** A word, a list of them, or a set. */
function wordsIn(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(wordsIn)
  if (isObject(value)) return wordsIn(value.set)
  return value === undefined || value === null ? [] : [String(value)]
}

function rangesIn(value: Json): PortRanges {
  if (typeof value === 'number') return [[value, value]]
  if (Array.isArray(value)) {
    const parts = value.map(rangesIn)
    return parts.some((part) => typeof part === 'string' || part === null)
      ? 'unknown'
      : (parts as (readonly (readonly [number, number])[])[]).flat()
  }
  if (!isObject(value)) return 'unknown'
  if (Array.isArray(value.set)) return rangesIn(value.set)
  if (Array.isArray(value.range)) {
    const [first, last] = value.range
    if (typeof first === 'number' && typeof last === 'number') return [[first, last]]
  }
  return 'unknown'
}

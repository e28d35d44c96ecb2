"""Translates the PTX that NVRTC emits into C++ that runs on the emulator's runtime.

Every PTX instruction becomes one C++ statement; a `.loc` line becomes a `#line`, so that
reports name the .cu file.
An instruction without a method `i_<name>` raises Unsupported.
"""

import re

from .errors import Unsupported

CPP_TYPE = {
    "b8": "u8",
    "u8": "u8",
    "s8": "s8",
    "b16": "u16",
    "u16": "u16",
    "s16": "s16",
    "b32": "u32",
    "u32": "u32",
    "s32": "s32",
    "b64": "u64",
    "u64": "u64",
    "s64": "s64",
    "f16": "f16",
    "bf16": "bf16",
    "f16x2": "f16x2",
    "bf16x2": "bf16x2",
    "f32": "f32",
    "f64": "f64",
    "pred": "bool",
    "tf32": "u32",
}
REGISTER_TYPE = {
    "pred": "bool",
    "b8": "u8",
    "u8": "u8",
    "b16": "u16",
    "u16": "u16",
    "s16": "u16",
    "f16": "u16",
    "b32": "u32",
    "u32": "u32",
    "s32": "u32",
    "f16x2": "u32",
    "f32": "f32",
    "b64": "u64",
    "u64": "u64",
    "s64": "u64",
    "f64": "f64",
}
SIZE = {
    "b8": 1,
    "u8": 1,
    "s8": 1,
    "b16": 2,
    "u16": 2,
    "s16": 2,
    "f16": 2,
    "bf16": 2,
    "b32": 4,
    "u32": 4,
    "s32": 4,
    "f32": 4,
    "f16x2": 4,
    "b64": 8,
    "u64": 8,
    "s64": 8,
    "f64": 8,
}
SPACES = {
    "global",
    "shared",
    "local",
    "const",
    "param",
    "shared::cta",
    "shared::cluster",
    "param::entry",
    "param::func",
}


def tokens(src):
    """Statements: ('loc', f, l) | ('{',) | ('}',) | ('label', n) | ('stmt', text)"""
    src = re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", "", src, flags=re.S))
    i, n, buffer, depth = 0, len(src), "", 0
    while i < n:
        c = src[i]
        if not buffer.strip():
            m = re.match(r"\s*\.(loc|file|version|target|address_size|section)\b([^\n{]*)", src[i:])
            if m and m.group(1) != "section":
                yield (m.group(1), m.group(2).strip())
                i += m.end()
                buffer = ""
                continue
            if m:
                j = src.index("}", i)
                i = j + 1
                buffer = ""
                continue
            m = re.match(r"\s*([\w$]+):(?!:)", src[i:])
            if m:
                yield ("label", m.group(1))
                i += m.end()
                buffer = ""
                continue
            if c in "{}":
                yield (c,)
                i += 1
                buffer = ""
                continue
        if c == '"':
            j = src.index('"', i + 1)
            buffer += src[i : j + 1]
            i = j + 1
            continue
        if c in "({[":
            depth += 1
        if c in ")}]":
            depth -= 1
        if c == ";":
            yield ("stmt", " ".join(buffer.split()))
            buffer = ""
            depth = 0
            i += 1
            continue
        # function head: .entry/.func ... ) {
        if c == "{" and re.match(r"\s*(\.visible|\.weak|\.extern|\.entry|\.func)", buffer) and depth == 1:
            yield ("head", " ".join(buffer.split()))
            yield ("{",)
            buffer = ""
            depth = 0
            i += 1
            continue
        buffer += c
        i += 1


def split_operands(s):
    out, d, cur = [], 0, ""
    for c in s:
        if c in "{[(":
            d += 1
        if c in "}])":
            d -= 1
        if c == "," and d == 0:
            out.append(cur.strip())
            cur = ""
        else:
            cur += c
    if cur.strip():
        out.append(cur.strip())
    return out


def plain_name(symbol):
    """The variable's own name at the end of a mangled one: _ZZ4gemmvE2Bs -> Bs."""
    for match in re.finditer(r"(\d+)(?=[A-Za-z_])", symbol):
        rest = symbol[match.end() :]
        if symbol.startswith("_Z") and len(rest) == int(match.group(1)):
            return rest
    return symbol


class Translator:
    def __init__(self, ptx, check):
        self.files, self.out, self.shared, self.check = {}, [], {}, check
        self.kernels, self.static, self.dynamic_shared, self.max_align = [], 0, None, 16
        self.functions = set()
        all_tokens = list(tokens(ptx))
        for t in all_tokens:
            if t[0] == "file":
                m = re.match(r'(\d+)\s+"([^"]*)"', t[1])
                self.files[int(m.group(1))] = m.group(2)
        self.emit = self.out.append
        self.translate(all_tokens)

    # ---- operands
    def name(self, r):
        return re.sub(r"\W", "_", r.replace("%", "R"))

    def value(self, o):
        o = o.strip()
        if o.startswith("-") and not re.match(r"-\d", o):
            return "(-%s)" % self.value(o[1:])
        if o.startswith("!"):
            return "(!%s)" % self.value(o[1:])
        m = re.match(r"0[fF]([0-9a-fA-F]{8})$", o)
        if m:
            return "bits<f32>(0x%su)" % m.group(1)
        m = re.match(r"0[dD]([0-9a-fA-F]{16})$", o)
        if m:
            return "bits<f64>((u64)0x%sull)" % m.group(1)
        if re.match(r"-?\d+$", o):
            return o + "ll" if -(2**63) < int(o) < 2**63 else o + "ull"
        if re.match(r"-?0x[0-9a-fA-F]+U?$", o):
            return o.rstrip("U") + "ull"
        special = {
            "%laneid": "(u32)emu_self.lane",
            "%warpid": "(u32)emu_self.warp",
            "%nwarpid": "32u",
            "%smid": "0u",
            "%nsmid": "132u",
            "%clock": "0u",
            "%clock64": "(u64)0",
            "%globaltimer": "(u64)0",
            "%gridid": "(u64)0",
            "%WARP_SZ": "32u",
            "WARP_SZ": "32u",
            "%dynamic_smem_size": (
                "(u32)(dyn_smem_size() - %d)" % self.static if self.static else "(u32)dyn_smem_size()"
            ),
            "%lanemask_eq": "(1u << emu_self.lane)",
            "%lanemask_lt": "((1u << emu_self.lane) - 1)",
            "%lanemask_le": "((2u << emu_self.lane) - 1)",
            "%lanemask_gt": "(~((2u << emu_self.lane) - 1))",
            "%lanemask_ge": "(~((1u << emu_self.lane) - 1))",
        }
        if o in special:
            return special[o]
        m = re.match(r"%(tid|ntid|ctaid|nctaid)\.([xyz])$", o)
        if m:
            return "(u32)emu_self.%s.%s" % (
                {"tid": "thread_index", "ntid": "block_dim", "ctaid": "block_index", "nctaid": "grid_dim"}[
                    m.group(1)
                ],
                m.group(2),
            )
        m = re.match(
            r"%(clusterid|cluster_ctaid|cluster_ctarank|nclusterid|cluster_nctaid|cluster_nctarank"
            r"|is_explicit_cluster)",
            o,
        )
        if m:
            return "0u" if not m.group(1).startswith(("ncl", "cluster_n")) else "1u"
        m = re.match(r"([\w$%]+)\+(-?\d+)$", o)
        if m:
            return "(%s + %sll)" % (self.value(m.group(1)), m.group(2))
        if o.startswith("%") or o in self.scope_regs():
            return self.reg(o)
        if o in self.shared:
            return (
                "(u64)%d" % self.shared[o][0]
                if o != self.dynamic_shared
                else "(u64)%d" % self.dynamic_offset()
            )
        if o in self.params:
            return "(u64)%s" % self.params[o]
        return "(u64)(uintptr_t)%s" % self.name(o)

    def dynamic_offset(self):
        return -(-self.static // self.max_align) * self.max_align

    def scope_regs(self):
        return {k for s in self.scopes for k in s}

    def reg(self, o):
        for s in reversed(self.scopes):
            if o in s:
                return s[o]
        raise Unsupported("register " + o)

    def typed(self, type_name, o):
        return "as<%s>(%s)" % (CPP_TYPE[type_name], self.value(o))

    def put(self, d, v):
        return "" if d == "_" else "assign(%s, %s);" % (self.reg(d), v)

    def address(self, o, space):
        m = re.match(r"\[\s*([^\]+]+?)\s*(?:\+\s*(-?\d+))?\s*\]$", o)
        if not m:
            raise Unsupported("address " + o)
        base, off = m.group(1), int(m.group(2) or 0)
        b = self.value(base)
        if space.startswith("shared"):
            return "shared_pointer((u32)((u64)(%s) + %dll))" % (b, off)
        return "pointer((u64)(%s) + %dll)" % (b, off)

    # ---- program
    def translate(self, all_tokens):
        self.scopes, self.params, self.labels = [{}], {}, {}
        emit, i = self.emit, 0
        emit('#include "ptx_instructions.h"\nusing namespace px;\n')
        # pass 1: shared variables and module data
        for t in all_tokens:
            if t[0] == "stmt" and re.match(r"(\.(visible|weak|extern|common)\s+)*\.shared", t[1]):
                m = re.match(
                    r"(?:\.(visible|weak|extern|common)\s+)*\.shared\s+(?:\.align\s+(\d+)\s+)?"
                    r"\.(\w+)\s+([\w$]+)\s*((?:\[\d*\])*)",
                    t[1],
                )
                external = ".extern" in t[1]
                align = int(m.group(2) or SIZE[m.group(3)])
                elements = 1
                for d in re.findall(r"\[(\d*)\]", m.group(5)):
                    elements *= int(d or 0)
                if external and elements == 0:
                    self.dynamic_shared = m.group(4)
                    self.max_align = max(self.max_align, align)
                    self.shared[m.group(4)] = (0, 0)
                    continue
                off = -(-self.static // align) * align
                if self.static:
                    off = -(-(self.static + 16) // align) * align  # red zone between arrays
                self.shared[m.group(4)] = (off, elements * SIZE[m.group(3)])
                self.static = off + elements * SIZE[m.group(3)]
                self.max_align = max(self.max_align, align)
        for t in all_tokens:
            if t[0] == "stmt" and re.match(r"(\.(visible|weak|extern|common)\s+)*\.(global|const)\b", t[1]):
                self.data(t[1])
            if t[0] == "head" and ".entry" not in t[1]:
                results, symbol, parameter_list, _ = self.head(t[1])
                self.functions.add(symbol)
                emit(self.proto(symbol, results, parameter_list) + ";")
        while i < len(all_tokens):
            t = all_tokens[i]
            if t[0] == "head":
                i = self.function(all_tokens, i)
            elif t[0] == "stmt" and ".func" in t[1]:
                pass  # declaration
            i += 1
        emit(
            'extern "C" __attribute__((visibility("default"))) unsigned emu_static_smem() { return %d; }'
            % (self.dynamic_offset() if self.dynamic_shared or self.static else 0)
        )
        layout = ",".join('{%d,%d,"%s"}' % (o, s, plain_name(n)) for n, (o, s) in self.shared.items() if s)
        emit(
            'extern "C" __attribute__((visibility("default"))) const struct { unsigned off, size; const char*'
            " name; } emu_shared_layout[] = {%s{0,0,nullptr}};" % (layout + "," if layout else "")
        )

    def data(self, s):
        m = re.match(
            r"(?:\.\w+\s+)*?\.(?:global|const)\s+(?:\.align\s+(\d+)\s+)?(?:\.attribute\([^)]*\)\s*)?"
            r"\.(\w+)\s+([\w$]+)\s*((?:\[\d*\])*)\s*(?:=\s*(.*))?$",
            s,
        )
        align, type_name, symbol, dims, init = m.groups()
        n = 1
        for d in re.findall(r"\[(\d*)\]", dims):
            n *= int(d or 1)
        init = init or "{}"
        if not init.startswith("{"):
            init = "{%s}" % init
        self.emit(
            'extern "C" { alignas(%s) __attribute__((visibility("default"))) %s %s[%d] = %s; }'
            % (
                align or SIZE[type_name],
                CPP_TYPE[type_name],
                self.name(symbol),
                n,
                init.replace("0f", "0x") if type_name.startswith("b") else init,
            )
        )

    def head(self, h):
        return re.match(r".*?\.(?:entry|func)\s+(?:\((.*?)\)\s*)?([\w$]+)\s*(?:\((.*?)\))?(.*)$", h).groups()

    def proto(self, symbol, results, parameter_list):
        n, k = (len([x for x in (y or "").split(",") if x.strip()]) for y in (results, parameter_list))
        return "static __attribute__((noinline)) void %s(%s)" % (
            self.name(symbol),
            ", ".join(["char* ret%d" % j for j in range(n)] + ["char* prm%d" % j for j in range(k)]),
        )

    def function(self, all_tokens, i):
        head = all_tokens[i][1]
        entry = ".entry" in head
        results, symbol, parameter_list, directives = self.head(head)
        ps = [p.strip() for p in (parameter_list or "").split(",") if p.strip()]
        self.params = {}
        sizes = []
        for k, p in enumerate(ps):
            match = re.match(
                r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+"
                r"(?:\.ptr\s+(?:\.\w+\s+)*(?:\.align\s+\d+\s+)?)?([\w$]+)(?:\[(\d+)\])?",
                p,
            )
            self.params[match.group(3)] = "prm[%d]" % k if entry else "prm%d" % k
            sizes.append(SIZE[match.group(2)] * int(match.group(4) or 1))
        emit = self.emit
        bounds = re.search(r"\.maxntid\s+([\d,\s]+)", directives)
        if entry:
            self.kernels.append((symbol, sizes))
            emit(
                'extern "C" __attribute__((visibility("default"))) const char* emu_info_%s() { return'
                ' "%s;%s"; }'
                % (self.name(symbol), ",".join(map(str, sizes)), bounds.group(1) if bounds else "")
            )
            emit(
                'extern "C" __attribute__((visibility("default"))) void emu_thunk_%s(void** prm) {'
                % self.name(symbol)
            )
        else:
            rets = [r for r in (results or "").split(",") if r.strip()]
            for k, r in enumerate(rets):
                self.params[re.search(r"([\w$]+)(\[\d+\])?$", r.strip()).group(1)] = "ret%d" % k
            emit(self.proto(symbol, results, parameter_list) + " {")
        self.scopes, self.scope_count, self.line = [{}], 0, None
        i += 2
        emit("u32 CC = 0; (void)CC;")
        depth = 1
        label_scopes = [{}]
        self.label_scopes = label_scopes

        # labels of every scope, so that forward branches resolve
        def scan(j):
            names = set()
            d = 0
            while j < len(all_tokens):
                if all_tokens[j][0] == "{":
                    d += 1
                elif all_tokens[j][0] == "}":
                    if d == 0:
                        break
                    d -= 1
                elif all_tokens[j][0] == "label" and d == 0:
                    names.add(all_tokens[j][1])
                j += 1
            return names

        label_scopes[0] = {n: "L%s" % self.name(n) for n in scan(i)}
        while True:
            t = all_tokens[i]
            if t[0] == "loc":
                f, l = t[1].split()[:2]
                at = re.search(r"inlined_at\s+(\d+)\s+(\d+)", t[1])
                if at and self.files.get(int(f), "").endswith(("ptx.cuh", ".hpp", "fp16.h", "bf16.h")):
                    f, l = at.groups()  # wrappers: report their caller
                self.line = (self.files.get(int(f), "?"), int(l))
            elif t[0] == "{":
                self.scope_count += 1
                emit("{")
                self.scopes.append({})
                label_scopes.append({n: "L%s_%d" % (self.name(n), self.scope_count) for n in scan(i + 1)})
                depth += 1
            elif t[0] == "}":
                depth -= 1
                emit("}")
                self.scopes.pop()
                label_scopes.pop()
                if depth == 0:
                    self.scopes = [{}]
                    self.params = {}
                    return i
            elif t[0] == "label":
                if not (all_tokens[i + 1][0] == "stmt" and all_tokens[i + 1][1].startswith(".branchtargets")):
                    emit("%s:;" % label_scopes[-1][t[1]])
                else:
                    self.targets = getattr(self, "targets", {})
                    self.targets[t[1]] = split_operands(all_tokens[i + 1][1][len(".branchtargets") :])
                    i += 1
            elif t[0] == "stmt":
                try:
                    c = self.stmt(t[1])
                    if c and self.line:
                        emit('#line %d "%s"' % (self.line[1], self.line[0]))
                    if c:
                        emit(c)
                except (KeyError, AttributeError, IndexError, ValueError) as e:
                    raise Unsupported("%s: %r" % (t[1], e))
            i += 1

    def label(self, n):
        for s in reversed(self.label_scopes):
            if n in s:
                return s[n]
        raise Unsupported("label " + n)

    def stmt(self, s):
        if s.startswith(".reg"):
            m = re.match(r"\.reg\s+\.(\w+)\s+(.*)$", s)
            type_name = REGISTER_TYPE[m.group(1)]
            out = []
            for r in split_operands(m.group(2)):
                mm = re.match(r"(%?[\w$]+)<(\d+)>$", r)
                for k in ([r] if not mm else ["%s%d" % (mm.group(1), j) for j in range(int(mm.group(2)))]):
                    c = self.name(k) + ("_%d" % self.scope_count if len(self.scopes) > 1 else "")
                    self.scopes[-1][k] = c
                    out.append(c)
            return "%s %s;" % (type_name, ", ".join(out)) if out else ""
        if s.startswith(".local"):
            m = re.match(r"\.local\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+([\w$]+)\[(\d+)\]", s)
            self.depot = (self.name(m.group(3)), int(m.group(4)))
            return "alignas(%s) %s %s[%s]; POISON_LOCAL(%s);" % (
                m.group(1) or 1,
                CPP_TYPE[m.group(2)],
                self.name(m.group(3)),
                m.group(4),
                self.name(m.group(3)),
            )
        if s.startswith(".param"):
            m = re.match(r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+([\w$]+)(?:\[(\d+)\])?", s)
            n = SIZE[m.group(2)] * int(m.group(4) or 1)
            c = "cp_%s" % self.name(m.group(3))
            self.params[m.group(3)] = c
            return "alignas(16) char %s[%d];" % (c, n)
        if s.startswith((".shared", ".pragma", ".maxn", ".minn", ".branchtargets", ".callprototype")):
            return ""
        m = re.match(r"@(!?)([\w%$]+)\s+(.*)$", s)
        if m:
            return "if (%s%s) { %s }" % (m.group(1), self.reg(m.group(2)), self.inst(m.group(3)))
        return self.inst(s)

    def site(self):
        return '"%s", %d' % self.line if self.line else '"ptx", 0'

    def inst(self, s):
        m = re.match(r"([\w.:]+)\s*(.*)$", s)
        op, rest = m.group(1), m.group(2)
        mod = re.split(r"(?<!:)\.(?!:)", op)
        base = mod[0]
        o = split_operands(rest)
        f = getattr(self, "i_" + base.replace("::", "_"), None)
        if "cc" in mod or base in ("addc", "subc", "madc"):
            return self.carry(base, mod, o)
        if f:
            return f(mod, o)
        raise Unsupported(s)

    def carry(self, base, m, o):  # extended-precision arithmetic: one carry flag per thread
        t = "u" + m[-1][1:]
        W = {"u32": "u64", "u64": "unsigned __int128"}[t]
        n = SIZE[t] * 8
        a, b = ("(%s)%s" % (W, self.typed(t, x)) for x in o[1:3])
        c = "CC" if base.endswith("c") and base != "cc" else "0"
        if base.startswith("add"):
            e = "%s + %s + %s" % (a, b, c)
        elif base.startswith("sub"):
            e = "%s - %s - %s" % (a, b, c)
        else:
            e = "(%s)((%s * %s)%s) + (%s)%s + %s" % (
                t,
                a,
                b,
                " >> %d" % n if "hi" in m else "",
                W,
                self.typed(t, o[3]),
                c,
            )
        return "{ %s t = %s; %s %s }" % (
            W,
            e,
            self.put(o[0], "(%s)t" % t),
            "CC = (u32)(t >> %d) & 1;" % n if "cc" in m else "",
        )

    # ---- arithmetic
    def binary(self, mods, ops, function):
        type_name = mods[-1]
        v = "%s<%s>(%s, %s)" % (
            function,
            CPP_TYPE[type_name],
            self.typed(type_name, ops[1]),
            self.typed(type_name, ops[2]),
        )
        if type_name == "f32" and "ftz" in mods:
            v = "ftz(%s)" % v
        if "sat" in mods and type_name.startswith("f"):
            v = "sat(%s)" % v
        return self.put(ops[0], v)

    def i_add(self, mods, ops):
        return self.binary(mods, ops, "add")

    def i_sub(self, mods, ops):
        return self.binary(mods, ops, "sub")

    def i_min(self, mods, ops):
        return self.binary(mods, ops, "min_nan" if "NaN" in mods else "min_")

    def i_max(self, mods, ops):
        return self.binary(mods, ops, "max_nan" if "NaN" in mods else "max_")

    def i_div(self, mods, ops):
        return self.binary(mods, ops, "div_")

    def i_rem(self, mods, ops):
        return self.binary(mods, ops, "rem_")

    def i_mul(self, mods, ops):
        return self.binary(mods, ops, "mulhi" if "hi" in mods else "mulwide" if "wide" in mods else "mul")

    def i_mul24(self, mods, ops):
        return self.binary(mods, ops, "mul")

    def i_mad(self, mods, ops):
        type_name = mods[-1]
        if type_name.startswith("f"):
            return self.i_fma(mods, ops)
        if "wide" in mods:
            return self.put(
                ops[0],
                "mulwide<%s>(%s, %s) + %s"
                % (
                    CPP_TYPE[type_name],
                    self.typed(type_name, ops[1]),
                    self.typed(type_name, ops[2]),
                    (
                        "as<%s64>(%s)" % (type_name[0], self.value(ops[3]))
                        if type_name.endswith("32")
                        else "as<%s32>(%s)" % (type_name[0], self.value(ops[3]))
                    ),
                ),
            )
        return self.put(
            ops[0],
            "add<%s>(%s<%s>(%s, %s), %s)"
            % (
                CPP_TYPE[type_name],
                "mulhi" if "hi" in mods else "mul",
                CPP_TYPE[type_name],
                self.typed(type_name, ops[1]),
                self.typed(type_name, ops[2]),
                self.typed(type_name, ops[3]),
            ),
        )

    def i_fma(self, mods, ops):
        type_name = mods[-1]
        v = "fma_<%s>(%s, %s, %s)" % (CPP_TYPE[type_name], *[self.typed(type_name, x) for x in ops[1:4]])
        if "relu" in mods:
            v = "max_<%s>(%s, %s{})" % (CPP_TYPE[type_name], v, CPP_TYPE[type_name])
        if type_name == "f32" and "ftz" in mods:
            v = "ftz(%s)" % v
        return self.put(ops[0], "sat(%s)" % v if "sat" in mods else v)

    def unary(self, mods, ops, expression):
        v = expression % self.typed(mods[-1], ops[1])
        return self.put(ops[0], "ftz(%s)" % v if mods[-1] == "f32" and "ftz" in mods else v)

    def i_neg(self, mods, ops):
        return self.unary(mods, ops, "neg_(%s)")

    def i_abs(self, mods, ops):
        return self.unary(mods, ops, "abs_(%s)")

    def i_rcp(self, mods, ops):
        return self.unary(mods, ops, "(1 / %s)")

    def i_sqrt(self, mods, ops):
        return self.unary(mods, ops, "std::sqrt(%s)")

    def i_rsqrt(self, mods, ops):
        return self.unary(mods, ops, "(1 / std::sqrt(%s))")

    def i_sin(self, mods, ops):
        return self.unary(mods, ops, "std::sin(%s)")

    def i_cos(self, mods, ops):
        return self.unary(mods, ops, "std::cos(%s)")

    def i_lg2(self, mods, ops):
        return self.unary(mods, ops, "std::log2(%s)")

    def i_tanh(self, mods, ops):
        return self.unary(mods, ops, "std::tanh(%s)")

    def i_ex2(self, mods, ops):
        if mods[-1] in ("f16", "bf16"):
            return self.put(
                ops[0], "dn<%s>(std::exp2(up(%s)))" % (CPP_TYPE[mods[-1]], self.typed(mods[-1], ops[1]))
            )
        return self.unary(mods, ops, "std::exp2(%s)")

    def i_copysign(self, mods, ops):
        return self.put(
            ops[0], "std::copysign(%s, %s)" % (self.typed(mods[-1], ops[2]), self.typed(mods[-1], ops[1]))
        )

    def i_testp(self, mods, ops):
        return self.put(
            ops[0],
            {
                "infinite": "std::isinf(%s)",
                "finite": "std::isfinite(%s)",
                "number": "!std::isnan(%s)",
                "notanumber": "std::isnan(%s)",
                "normal": "std::isnormal(%s)",
            }[mods[1]]
            % self.typed(mods[-1], ops[1]),
        )

    def logic(self, mods, ops, expression):
        type_name = mods[-1]
        return self.put(
            ops[0],
            "(%s)(%s)" % (CPP_TYPE[type_name], expression % tuple(self.typed(type_name, x) for x in ops[1:])),
        )

    def i_and(self, mods, ops):
        return self.logic(mods, ops, "%s & %s")

    def i_or(self, mods, ops):
        return self.logic(mods, ops, "%s | %s")

    def i_xor(self, mods, ops):
        return self.logic(mods, ops, "%s ^ %s")

    def i_not(self, mods, ops):
        return self.logic(mods, ops, "!%s" if mods[-1] == "pred" else "~%s")

    def i_cnot(self, mods, ops):
        return self.logic(mods, ops, "!%s")

    def i_shl(self, mods, ops):
        return self.put(
            ops[0],
            "shl_<%s>(%s, %s)"
            % (CPP_TYPE[mods[-1]], self.typed(mods[-1], ops[1]), self.typed("u32", ops[2])),
        )

    def i_shr(self, mods, ops):
        return self.put(
            ops[0],
            "shr_<%s>(%s, %s)"
            % (CPP_TYPE[mods[-1]], self.typed(mods[-1], ops[1]), self.typed("u32", ops[2])),
        )

    def i_shf(self, mods, ops):
        return self.put(
            ops[0],
            "shf_%s(%s, %s)"
            % (
                mods[1],
                ", ".join(self.typed("u32", x) for x in ops[1:4]),
                "true" if mods[2] == "clamp" else "false",
            ),
        )

    def i_prmt(self, mods, ops):
        return self.put(ops[0], "prmt(%s)" % ", ".join(self.typed("u32", x) for x in ops[1:4]))

    def i_lop3(self, mods, ops):
        return self.put(ops[0], "lop3(%s)" % ", ".join(self.typed("u32", x) for x in ops[1:5]))

    def i_bfe(self, mods, ops):
        return self.put(
            ops[0],
            "bfe<%s>(%s, %s, %s)"
            % (
                CPP_TYPE[mods[-1]],
                self.typed(mods[-1], ops[1]),
                self.typed("u32", ops[2]),
                self.typed("u32", ops[3]),
            ),
        )

    def i_bfi(self, mods, ops):
        return self.put(
            ops[0],
            "bfi<%s>(%s, %s, %s, %s)"
            % (
                CPP_TYPE[mods[-1]],
                self.typed(mods[-1], ops[1]),
                self.typed(mods[-1], ops[2]),
                self.typed("u32", ops[3]),
                self.typed("u32", ops[4]),
            ),
        )

    def i_popc(self, mods, ops):
        return self.put(ops[0], "(u32)__builtin_popcountll(%s)" % self.typed(mods[-1], ops[1]))

    def i_clz(self, mods, ops):
        return self.put(
            ops[0],
            "(u32)(%s ? __builtin_clzll((u64)%s) - %d : %d)"
            % (
                self.typed(mods[-1], ops[1]),
                self.typed(mods[-1], ops[1]),
                64 - 8 * SIZE[mods[-1]],
                8 * SIZE[mods[-1]],
            ),
        )

    def i_brev(self, mods, ops):
        return self.put(ops[0], "brev32(%s)" % self.typed("u32", ops[1]))

    def i_bfind(self, mods, ops):
        return self.put(
            ops[0], ("bfind_shift(%s)" if "shiftamt" in mods else "bfind(%s)") % self.typed(mods[-1], ops[1])
        )

    def i_dp4a(self, mods, ops):
        return self.put(
            ops[0],
            "dp4a<%s8, %s8>(%s, %s, %s)"
            % (
                mods[1][0],
                mods[2][0],
                self.typed("u32", ops[1]),
                self.typed("u32", ops[2]),
                self.typed("s32", ops[3]),
            ),
        )

    def i_setp(self, mods, ops):
        type_name, cmp = mods[-1], mods[1]
        cmp = {"nan": "nan_", "ls": "le", "hs": "ge"}.get(cmp, cmp)
        v = "%s<%s>(%s, %s)" % (
            cmp,
            CPP_TYPE[type_name],
            self.typed(type_name, ops[1]),
            self.typed(type_name, ops[2]),
        )
        n = "!" + v
        if mods[2] in ("and", "or", "xor"):
            c = {"and": "&", "or": "|", "xor": "^"}[mods[2]]
            v, n = "(bool)((int)%s %s (int)%s)" % (v, c, self.value(ops[3])), "(bool)((int)%s %s (int)%s)" % (
                n,
                c,
                self.value(ops[3]),
            )
        d = ops[0].split("|")
        if len(d) == 1:
            return self.put(d[0], v)
        return "{ bool t = %s, u = %s; %s %s }" % (v, n, self.put(d[0], "t"), self.put(d[1], "u"))

    def i_set(self, mods, ops):
        return self.put(
            ops[0],
            "%s<%s>(%s, %s) ? %s : 0"
            % (
                mods[1],
                CPP_TYPE[mods[-1]],
                self.typed(mods[-1], ops[1]),
                self.typed(mods[-1], ops[2]),
                "1.f" if mods[-2] == "f32" else "~0u",
            ),
        )

    def i_selp(self, mods, ops):
        return self.put(
            ops[0],
            "%s ? %s : %s" % (self.value(ops[3]), self.typed(mods[-1], ops[1]), self.typed(mods[-1], ops[2])),
        )

    def i_mov(self, mods, ops):
        type_name = mods[-1]

        def parts(s):
            return [x.strip() for x in s.strip("{} ").split(",")]

        if ops[0].startswith("{"):
            p = parts(ops[0])
            n = SIZE[type_name] * 8 // len(p)
            return "{ u64 t = %s; %s }" % (
                self.typed(type_name, ops[1]),
                " ".join(self.put(x, "(u%d)(t >> %d)" % (n, n * k)) for k, x in enumerate(p)),
            )
        if ops[1].startswith("{"):
            p = parts(ops[1])
            n = SIZE[type_name] * 8 // len(p)
            return self.put(
                ops[0],
                "(%s)(%s)"
                % (
                    CPP_TYPE[type_name],
                    " | ".join("(u64)%s << %d" % (self.typed("u%d" % n, x), n * k) for k, x in enumerate(p)),
                ),
            )
        return self.put(ops[0], self.typed(type_name, ops[1]) if type_name != "pred" else self.value(ops[1]))

    def i_cvt(self, mods, ops):
        d, sct = mods[-2], mods[-1]
        sat = "true" if "sat" in mods or "satfinite" in mods else "false"
        if d in ("f16x2", "bf16x2"):
            h = d[:-2]
            r = 1 if "rz" in mods else 0
            v = "((u32)cvt<%s>(%s, %d, %s).x << 16 | cvt<%s>(%s, %d, %s).x)" % (
                h,
                self.typed("f32", ops[1]),
                r,
                sat,
                h,
                self.typed("f32", ops[2]),
                r,
                sat,
            )
            if "relu" in mods:
                v = "max_<%s>(%s{%s}, %s{}).x" % (d, d, v, d)
            return self.put(ops[0], v)
        if d == "tf32":
            return self.put(ops[0], "cvt_tf32(%s)" % self.typed("f32", ops[1]))
        r = 0
        for k, n in enumerate(("rni", "rzi", "rmi", "rpi")):
            if n in mods:
                r = k + (4 if d.startswith("f") else 0)
        if "rz" in mods:
            r = 1
        if "pack" in mods:
            raise Unsupported("cvt.pack")
        v = "cvt<%s, %s>(%s, %d, %s)" % (CPP_TYPE[d], CPP_TYPE[sct], self.typed(sct, ops[1]), r, sat)
        return self.put(ops[0], "ftz(%s)" % v if "ftz" in mods and d == "f32" else v)

    def i_cvta(self, mods, ops):
        special = [x for x in mods if x in SPACES]
        if special and special[0].startswith("shared"):
            return self.put(
                ops[0],
                (
                    "(u64)smem_u32(pointer(%s))" % self.value(ops[1])
                    if "to" in mods
                    else "(u64)(uintptr_t)shared_pointer(%s)" % self.value(ops[1])
                ),
            )
        return self.put(ops[0], "as<u64>(%s)" % self.value(ops[1]))

    def i_isspacep(self, mods, ops):
        return self.put(ops[0], "true" if mods[1] == "global" else "false")

    # ---- memory
    def space(self, mods):
        return next((x for x in mods if x in SPACES), "generic")

    def i_ld(self, mods, ops):
        type_name, special = mods[-1], self.space(mods)
        vec = int(mods[-2][1]) if mods[-2] in ("v2", "v4", "v8") else 1
        p = self.address(ops[1], special)
        n = SIZE[type_name] * vec
        dst = [x.strip() for x in ops[0].strip("{} ").split(",")]
        fl = (
            "RD | VOLATILE"
            if "volatile" in mods or "relaxed" in mods
            else "RD | ATOMIC" if "acquire" in mods else "RD"
        )
        pre = "" if special.startswith("param") else "CHECK_ACCESS(p, %d, %s); " % (n, fl)
        if special == "local":
            pre = "CHECK_LOCAL(p, %d, %s, %d); " % (n, *self.depot)
        if "acquire" in mods:
            pre = "emu_spin(p); " + pre + "sync_acquire(p); "
        elif ("volatile" in mods or "relaxed" in mods) and not special.startswith("shared"):
            pre = "emu_spin(p); " + pre
        if vec == 1 and (not pre or special == "param"):
            return "{ const void* p = %s; %s }" % (p, self.put(dst[0], "LOAD(%s, p)" % CPP_TYPE[type_name]))
        return "{ const void* p = %s; %s%s }" % (
            p,
            pre,
            " ".join(
                self.put(d, "LOAD(%s, (const %s*)p + %d)" % (CPP_TYPE[type_name], CPP_TYPE[type_name], k))
                for k, d in enumerate(dst)
            ),
        )

    i_ldu = i_ld

    def i_st(self, mods, ops):
        type_name, special = mods[-1], self.space(mods)
        vec = int(mods[-2][1]) if mods[-2] in ("v2", "v4", "v8") else 1
        p = self.address(ops[0], special)
        n = SIZE[type_name] * vec
        src = [x.strip() for x in ops[1].strip("{} ").split(",")]
        pre = (
            "CHECK_LOCAL(p, %d, %s, %d); " % (n, *self.depot)
            if special == "local"
            else (
                ""
                if special.startswith("param")
                else "CHECK_ACCESS(p, %d, WR%s); "
                % (
                    n,
                    (
                        " | VOLATILE"
                        if "volatile" in mods or "relaxed" in mods
                        else " | ATOMIC" if "release" in mods else ""
                    ),
                )
            )
        )
        if "release" in mods:
            pre += "sync_release(p); "
        return "{ void* p = %s; %s%s }" % (
            p,
            pre,
            " ".join(
                "STORE(%s, (%s*)p + %d, %s);"
                % (CPP_TYPE[type_name], CPP_TYPE[type_name], k, self.typed(type_name, x))
                for k, x in enumerate(src)
            ),
        )

    def i_atom(self, mods, ops, red=False):
        type_name, special = mods[-1], self.space(mods)
        d = None if red else ops[0]
        q = ops if red else ops[1:]
        T = CPP_TYPE[type_name]
        p = self.address(q[0], special)
        op = next(
            x for x in mods if x in ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
        )
        pre = "sync_release(p); " if "release" in mods or "acq_rel" in mods else ""
        post = " sync_acquire(p);" if "acquire" in mods or "acq_rel" in mods else ""
        if op == "cas":
            v = "cas<%s>(p, %s, %s)" % (T, self.typed(type_name, q[1]), self.typed(type_name, q[2]))
        else:
            e = {
                "add": "add<%s>(x, v)",
                "min": "min_<%s>(x, v)",
                "max": "max_<%s>(x, v)",
                "and": "(%s)(x & v)",
                "or": "(%s)(x | v)",
                "xor": "(%s)(x ^ v)",
                "exch": "(%s)(v)",
                "inc": "(%s)(x >= v ? 0 : x + 1)",
                "dec": "(%s)(x == 0 || x > v ? v : x - 1)",
            }[op] % T
            v = "rmw<%s>(p, [=](%s x) { return %s; })" % (T, T, e)
            pre += "%s v = %s; " % (T, self.typed(type_name, q[1]))
        return "{ void* p = %s; %s%s%s }" % (p, pre, self.put(d, v) if d else v + ";", post)

    def i_red(self, mods, ops):
        return self.i_atom(mods, ops, True)

    def i_prefetch(self, mods, ops):
        return ""

    i_prefetchu = i_discard = i_applypriority = i_createpolicy = i_prefetch

    def i_membar(self, mods, ops):
        return "" if "cta" in mods else "fence();"

    def i_fence(self, mods, ops):
        return (
            "fence();" if mods[1] in ("acq_rel", "sc") and "cta" not in mods else ""
        )  # cta scope orders nothing between blocks

    # ---- control
    def i_bra(self, mods, ops):
        return "goto %s;" % self.label(ops[0])

    def i_brx(self, mods, ops):
        return "switch (%s) { %s }" % (
            self.value(ops[0]),
            " ".join("case %d: goto %s;" % (k, self.label(l)) for k, l in enumerate(self.targets[ops[1]])),
        )

    def i_ret(self, mods, ops):
        return "return;"

    i_exit = i_ret

    def i_trap(self, mods, ops):
        return 'fatal("trap", "trap at %%s:%%d", %s);' % self.site()

    i_brkpt = i_trap

    def i_nanosleep(self, mods, ops):
        return "yield(%s);" % self.site()

    def i_setmaxnreg(self, mods, ops):
        return ""

    i_griddepcontrol = i_pmevent = i_setmaxnreg

    def i_call(self, mods, ops):
        results, fn, args = [], None, []
        if ops[0].startswith("("):
            results = [x.strip() for x in ops[0].strip("() ").split(",")]
            ops = ops[1:]
        fn = ops[0]
        args = [x.strip() for x in ops[1].strip("() ").split(",") if x.strip()] if len(ops) > 1 else []
        if fn == "__assertfail":
            return (
                'fatal("assert", "assertion %%s failed at %%s:%%u", *(char**)%s, *(char**)%s, *(u32*)%s);'
                % tuple(self.params[a] for a in args[:3])
            )
        if fn == "vprintf":
            return "(void)0;"
        if fn not in self.functions:
            raise Unsupported("call " + fn)
        return "%s(%s);" % (self.name(fn), ", ".join(self.params[x] for x in results + args))

    # ---- synchronisation
    def i_bar(self, mods, ops):
        if mods[1] == "warp":
            return "syncwarp(%s, %s);" % (self.typed("u32", ops[0]), self.site())
        if "red" in mods:
            op = {"popc": 0, "and": 1, "or": 2}[mods[mods.index("red") + 1]]
            return self.put(
                ops[0],
                "%sbarrier_red(%d, %s, %s)%s"
                % ("(u32)" if op == 0 else "(bool)", op, self.value(ops[-1]), self.site(), ""),
            )
        return "%s((int)%s, %s, %s);" % (
            "barrier_arrive" if "arrive" in mods else "barrier",
            self.value(ops[0]),
            "(int)" + self.value(ops[1]) if len(ops) > 1 else "0",
            self.site(),
        )

    i_barrier = i_bar

    def i_shfl(self, mods, ops):
        mode = {"up": 0, "down": 1, "bfly": 2, "idx": 3}[mods[2]]
        d = ops[0].split("|")
        return "{ bool ok; u32 t = shfl_(%d, %s, %s, %s, %s, ok, %s); %s %s }" % (
            mode,
            *[self.typed("u32", x) for x in ops[1:5]],
            self.site(),
            self.put(d[0], "t"),
            self.put(d[1], "ok") if len(d) > 1 else "",
        )

    def i_vote(self, mods, ops):
        mk = self.typed("u32", ops[2])
        p = self.value(ops[1])
        if mods[2] == "ballot":
            return self.put(ops[0], 'vote(%s, %s, "vote.ballot", %s)' % (mk, p, self.site()))
        if mods[2] == "any":
            return self.put(ops[0], '(bool)(vote(%s, %s, "vote.any", %s) != 0)' % (mk, p, self.site()))
        if mods[2] == "all":
            return self.put(ops[0], '(bool)(vote(%s, !%s, "vote.all", %s) == 0)' % (mk, p, self.site()))
        raise Unsupported("vote.uni")

    def i_match(self, mods, ops):
        if mods[1] != "any":
            raise Unsupported("match.all")
        return self.put(
            ops[0],
            "match_any(%s, %s, %s)" % (self.typed("u32", ops[2]), self.typed(mods[-1], ops[1]), self.site()),
        )

    def i_redux(self, mods, ops):
        return self.put(
            ops[0],
            "redux<%s>(%s, %s, [](%s x, %s y) { return %s; }, %s)"
            % (
                CPP_TYPE[mods[-1]],
                self.typed("u32", ops[2]),
                self.typed(mods[-1], ops[1]),
                CPP_TYPE[mods[-1]],
                CPP_TYPE[mods[-1]],
                {
                    "add": "x + y",
                    "min": "x < y ? x : y",
                    "max": "x > y ? x : y",
                    "and": "x & y",
                    "or": "x | y",
                    "xor": "x ^ y",
                }[mods[2]],
                self.site(),
            ),
        )

    def i_activemask(self, mods, ops):
        return self.put(ops[0], "~0u")

    def i_elect(self, mods, ops):
        d = ops[0].split("|")
        return '{ u32 b = vote(%s, 1, "elect.sync", %s); u32 l = __builtin_ctz(b); %s %s }' % (
            self.typed("u32", ops[1]),
            self.site(),
            self.put(d[0], "l"),
            self.put(d[1], "(bool)(emu_self.lane == l)"),
        )

    # ---- tensor cores and asynchronous copies
    def regs(self, s):
        return [x.strip() for x in s.strip("{} ").split(",")]

    def i_ldmatrix(self, mods, ops):
        n = int(next(x for x in mods if re.match(r"x\d$", x))[1])
        r = self.regs(ops[0])
        return "{ u32 t[4]; ldmatrix(t, %s, %d, %s, emu_here(), %s); %s }" % (
            self.address(ops[1], "shared"),
            n,
            "true" if "trans" in mods else "false",
            self.site(),
            " ".join(self.put(x, "t[%d]" % k) for k, x in enumerate(r)),
        )

    def i_mma(self, mods, ops):
        shape = mods[3]
        tys = mods[6:]
        key = (shape, tys[1])
        kind = {
            ("m16n8k16", "bf16"): "MMA_BF16",
            ("m16n8k16", "f16"): "MMA_F16",
            ("m16n8k8", "tf32"): "MMA_TF32",
        }.get(key)
        if kind is None or tys[0] != "f32":
            raise Unsupported("mma " + ".".join(mods))
        D, Ar, Br, C = (self.regs(x) for x in ops[:4])
        return "{ u32 a[4] = {%s}, b[2] = {%s}; f32 d[4] = {%s}; mma_m16n8(d, a, b, %s, %s); %s }" % (
            ", ".join(self.typed("u32", x) for x in Ar),
            ", ".join(self.typed("u32", x) for x in Br),
            ", ".join(self.typed("f32", x) for x in C),
            kind,
            self.site(),
            " ".join(self.put(x, "d[%d]" % k) for k, x in enumerate(D)),
        )

    def i_cp(self, mods, ops):
        if mods[1:3] == ["async", "commit_group"]:
            return "cp_async_commit();"
        if mods[1:3] == ["async", "wait_group"]:
            return "cp_async_wait(%s);" % self.value(ops[0])
        if mods[1:3] == ["async", "wait_all"]:
            return "cp_async_commit(); cp_async_wait(0);"
        if mods[1:4] == ["async", "bulk", "tensor"]:
            rank = int(mods[4][0])
            match = re.match(r"\[\s*([^,]+),\s*\{(.*)\}\s*\]", ops[1])
            c = "int c[5] = {%s};" % ", ".join(
                "(int)" + self.typed("s32", x) for x in match.group(2).split(",")
            )
            bar = self.address(ops[2], "shared")
            if "im2col" in mods:
                off = self.regs(ops[3])
                return "{ %s tma_im2col(%s, pointer(%s), c, (int)%s, (int)%s, %s, emu_here()); }" % (
                    c,
                    self.address(ops[0], "shared"),
                    self.value(match.group(1)),
                    self.typed("u16", off[0]),
                    self.typed("u16", off[1]),
                    bar,
                )
            return "{ %s tma_load(%s, pointer(%s), c, %d, %s, emu_here()); }" % (
                c,
                self.address(ops[0], "shared"),
                self.value(match.group(1)),
                rank,
                bar,
            )
        if mods[1] == "async" and mods[2] in ("ca", "cg"):
            return "cp_async(%s, %s, %s, (int)%s, emu_here());" % (
                self.address(ops[0], "shared"),
                self.address(ops[1], "global"),
                self.value(ops[2]),
                self.value(ops[3]) if len(ops) > 3 else self.value(ops[2]),
            )
        raise Unsupported("cp " + ".".join(mods))

    def i_mbarrier(self, mods, ops):
        k = mods[1]
        if k == "init":
            return "mbar_init(%s, %s);" % (self.address(ops[0], "shared"), self.typed("u32", ops[1]))
        if k == "inval":
            return ""
        if k == "arrive":
            a = ops[1] if ops[0].startswith(("%", "_")) or not ops[0].startswith("[") else ops[0]
            ex = "expect_tx" in mods
            i = ops.index(a)
            return "mbar_arrive(%s, %s, %s);" % (
                self.address(a, "shared"),
                self.typed("u32", ops[i + 1]) if ex else "0",
                "1" if ex or len(ops) <= i + 1 else self.typed("u32", ops[i + 1]),
            )
        if k == "expect_tx":
            return "mbar_arrive(%s, %s, 0);" % (self.address(ops[0], "shared"), self.typed("u32", ops[1]))
        if k in ("try_wait", "test_wait") and "parity" in mods:
            return "{ bool t = mbar_test(%s, %s); if (!t) yield(%s); %s }" % (
                self.address(ops[1], "shared"),
                self.typed("u32", ops[2]),
                self.site(),
                self.put(ops[0], "t"),
            )
        raise Unsupported("mbarrier " + ".".join(mods))

    def i_wgmma(self, mods, ops):
        if mods[1] == "fence":
            return ""
        if mods[1] == "commit_group":
            return "wgmma_commit();"
        if mods[1] == "wait_group":
            return "wgmma_wait(%s, %s);" % (self.value(ops[0]), self.site())
        match = re.match(r"m64n(\d+)k16$", next(x for x in mods if x.startswith("m64")))
        n = int(match.group(1))
        d = self.regs(ops[0])
        t = mods[-2:]
        if t != ["bf16", "bf16"] or ops[1].startswith("{"):
            raise Unsupported("wgmma " + ".".join(mods))
        return "{ f32* d[%d] = {%s}; wgmma_issue(d, %s, %s, %d, (int)%s); }" % (
            n // 2,
            ", ".join("(f32*)&" + self.reg(x) for x in d),
            self.typed("u64", ops[1]),
            self.typed("u64", ops[2]),
            n,
            self.value(ops[3]),
        )


def translate(ptx, check=True):
    """The C++ source, and a list of (kernel name, parameter sizes in bytes)."""
    translator = Translator(ptx, check)
    return "\n".join(translator.out), translator.kernels

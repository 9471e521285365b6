"""The codes of findings, each with what it means. `fleet reference` writes docs/findings.md from these."""

CODES: dict[str, dict[str, str]] = {
    "Keys and values": {
        "unknown-key": "No class has this parameter, no code looks this key up, or a hash has no such member.",
        "unreachable-key": "The key is used, but by no node that reads this file.",
        "wrong-type": "The value does not fit the data type of its parameter.",
        "missing-key": "A hash lacks a member that its data type requires.",
        "unknown-lookup": "A value interpolates a key that no file of Hiera has.",
        "unknown-interpolation": "Hiera does not know what stands in `%{…}`, or would drop it silently.",
        "shadowed-value": "Every node that reads this value gets another one from a higher layer.",
    },
    "Services": {
        "unknown-service": "The name is that of no declared service.",
        "no-version": "A service has no version in a tier: neither its file nor the tier pins one.",
        "no-port": "A service has neither a port nor a socket.",
        "port-and-socket": "A service has both a port and a socket.",
        "shared-port": "Two services have the same port on one node or at one balancer.",
        "shared-socket": "Two services have the same socket on one node.",
        "system-name": "The name of a service or its package is taken by the system or by another service.",
        "package-versions": "Two services of one node run from one package at different versions.",
        "unreachable-upstream": "An upstream is not there for the service that asks it: absent, placed nowhere, or "
        "on another node with no balancer in front of it.",
        "upstream-cycle": "Services ask each other in a circle, or a service asks itself.",
        "upstream-twice": "The address of an upstream is written in `config`, although `upstreams` already gives it.",
        "no-database": "A service has `database: postgresql`, and its tier names no database server.",
        "database-twice": "A service has `database: postgresql` and a database URL in `config` as well.",
        "data-per-node": "A service keeps its data in a file, and the nodes that it names are several of a tier.",
    },
    "Placement": {
        "unknown-node": "A pattern matches no node.",
        "unknown-group": "The name is neither a group nor a certname, or a tier does not declare the group.",
        "unused-group": "No service names the group.",
        "wrong-range": "The brackets of a pattern hold no valid range.",
        "placed-nowhere": "A tier pins a version of a service that none of its nodes runs.",
    },
    "Settings and packages": {
        "unknown-setting": "The pinned version of the service has no such setting.",
        "missing-setting": "The pinned version of the service needs a setting that nobody gives.",
        "unpublished-version": "The apt repository does not have the pinned version.",
    },
    "Secrets": {
        "plain-secret": "A secret, or what looks like one, stands in plain text.",
        "no-secret": "A service declares a secret that has no value in a tier.",
        "damaged-eyaml": "An encrypted value is incomplete or damaged.",
    },
    "Nodes and layers": {
        "unknown-role": "A node has a role without a class in `site/role/manifests`.",
        "unknown-tier": "A node has a tier that no file of Hiera mentions.",
        "inventory": "`nodes.yaml` can't be read as a list of nodes.",
        "unread-file": "No layer of `hiera.yaml` reads this file, or no node does.",
        "no-layers": "`hiera.yaml` has no hierarchy.",
    },
    "Puppetfile": {
        "puppetfile-syntax": "A line of the Puppetfile can't be understood.",
        "module-name": "A module's name is not of the form `OWNER-NAME`.",
        "unknown-module": "No module of this name is known, and one of a similar name is.",
        "duplicate-module": "A module is listed twice.",
        "unpinned-module": "A module has no exact version or commit, so each deploy may fetch another one.",
        "missing-dependency": "A module needs another one that is not there.",
        "unmet-dependency": "A module needs another version of a module than is pinned.",
    },
    "Puppet code": {
        "puppet-syntax": "Puppet's parser refuses a manifest or an EPP template.",
        "puppet-lint": "A check of puppet-lint fails; its name is in parentheses.",
        "erb-syntax": "Ruby refuses an ERB template.",
        "json-syntax": "A module's `metadata.json` is not valid JSON.",
    },
    "Files": {
        "unreadable-file": "The file can't be read.",
        "file-too-large": "The file is larger than `fleet validate` reads.",
        "not-utf-8": "The file is not UTF-8.",
        "not-a-mapping": "A file of Hiera is not a mapping of keys to values.",
        "duplicate-key": "A key stands twice in one mapping; Puppet takes the last one.",
        "second-document": "The file has a second YAML document, which Puppet never reads.",
        "yaml-syntax": "The file is not valid YAML.",
        "yaml-tag": "A YAML tag that Puppet's reader does not know.",
        "yaml-date": "A date or time without quotes, which Puppet's reader refuses.",
        "yaml-key": "A list or a mapping stands where a key belongs.",
        "yaml-unknown-anchor": "An alias names an anchor that does not stand before it.",
        "yaml-anchor-cycle": "An alias stands inside of what it stands for.",
        "yaml-too-deep": "Lists and mappings are nested too deep to be read.",
        "yaml-too-large": "The aliases of a file stand for too many values.",
        "yamllint": "A rule of yamllint is broken; its name is in parentheses.",
    },
}  # fmt: skip
"""What each code means, by subject: one sentence, for someone who has just been told it."""

ALL = {code: meaning for subject in CODES.values() for code, meaning in subject.items()}

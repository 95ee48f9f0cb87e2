"""Patterns of vendors' tokens, by their prefixes. Data for `shapes`.

The service and the client each have an identical copy of this module.
"""

from __future__ import annotations

from typing import Final

_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
# The part before an underscore and a random word.
_BEFORE = (
    "pnu|rdme|sm_[aps]at|shippo_(?:live|test)|sq[upa]|sgp|lsv2_(?:pt|sk)|mka|bk[acu][aict]|ccip(?:at|rj)|fastly"
    "|rootly|zpka|testsk|avns|hca[im]k|pylf_v[0-9]_[a-z]{2}|napi|rnd|apify_api|fig[our]|ddp|api_org|clojars"
    "|key[0-9a-f]{32}|e2b|jina|polar_(?:oat|pat)|tr_(?:dev|prod)"
)
# Prefixes of vendors' tokens: what RE2 searches for, and what follows. Case matters.
TOKENS: Final = (
    (r"(?:akia|asia|abia|acca)[0-9a-z]{16}", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    (r"xox[a-z]-|xapp-|xoxe\.", r"(?:xox[a-z]|xapp|xoxe\.xox[a-z])-[\w-]{6,}"),
    (r"ntf_", r"ntf_[\w-]{8,}"),
    (r"whsec_", r"whsec_[A-Za-z0-9+/=_-]{8,}"),
    (r"gh[pousr]_|github_pat_", r"(?:gh[pousr]_|github_pat_)\w{16,}"),
    (
        r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|oas|ffct|wt)-|gr1348941",
        r"(?:gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|oas|ffct|wt)-[\w.-]{16,}|GR1348941[\w-]{16,})",
    ),
    (
        r"[srp]k_(?:live|test|prod|sbox)_|sk_[a-z0-9]{24}|sk-[a-z0-9_-]{16}",
        r"(?:[srp]k_(?:live|test|prod|sbox)_\w{8,}|sk_[A-Za-z0-9]{24,}|sk-[\w-]{16,})",
    ),
    (r"aiza", r"AIza[\w-]{30,}"),
    (r"npm_|pypi-|rubygems_", r"(?:npm_\w{30,}|pypi-[\w-]{30,}|rubygems_[0-9a-f]{32,})"),
    (r"sg\.[a-z0-9_-]{8}", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    (r"hf_[a-z]|r8_|gsk_|xai-|pplx-", r"(?:hf_[A-Za-z]{16,}|(?:r8_|gsk_|xai-|pplx-)[A-Za-z0-9]{30,})"),
    (r"ya29\.|1//0|gocspx-", r"(?:ya29\.[\w.-]{10,}|1//0[\w-]{20,}|GOCSPX-[\w-]{10,})"),
    (r"shp(?:at|ca|pa|ss|tka)_", r"shp(?:at|ca|pa|ss|tka)_[0-9a-zA-Z]{16,}"),
    (r"dckr_[po]at_|do[opr]_v1_", r"(?:dckr_[po]at_[\w-]{16,}|do[opr]_v1_[0-9a-f]{16,})"),
    (r"nr(?:ak|js|ii|aa|iq)-", r"NR(?:AK|JS|II|AA|IQ)-[\w-]{16,}"),
    (r"age-secret-key-", r"AGE-SECRET-KEY-1[0-9A-Z]{16,}"),
    (r"lin_(?:api|oauth)_|figd_", r"(?:lin_(?:api|oauth)_|figd_)[\w-]{16,}"),
    (r"secret_[a-z0-9]{30}|ntn_", r"(?:secret_|ntn_)[A-Za-z0-9]{30,}"),
    (r"sq0(?:csp|atp|idp)|eaaa", r"(?:sq0(?:csp|atp|idp)-[\w-]{16,}|EAAA[\w-]{40,})"),
    (
        r"hv[sbr]\.|dp\.[a-z]{2,5}\.",
        r"(?:hv[sbr]\.[\w-]{16,}|dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{2,35}\.)?\w{16,})",
    ),
    (r"dapi[0-9a-f]{16}|tskey-|nfp_", r"(?:dapi[0-9a-f]{32}|(?:tskey-|nfp_)[\w-]{16,})"),
    (r"pscale_|sbp_|sb_secret_", r"(?:pscale_(?:tkn|pw|oauth)_|sbp_|sb_secret_)[\w-]{16,}"),
    (r"at[ac]tt3x|atbb", r"(?:AT[AC]TT3x[\w=-]{16,}|ATBB\w{24,})"),
    (r"pmak-|cfpat-|pat-[a-z]{2}[0-9]-", r"(?:PMAK|CFPAT|pat-[a-z]{2}\d)-[\w-]{24,}"),
    (r"sntry[su]_|glsa_|glc_|ops_eyj", r"(?:sntry[su]_|glsa_|glc_|ops_eyJ)[\w=+/-]{16,}"),
    (r"dt0[a-z][0-9]{2}\.", r"dt0[a-z]\d\d\.\w{8,}\.\w{16,}"),
    (r"(?:sk|fc-)[0-9a-f]{8}|key-[0-9a-z]{32}", r"(?:(?:SK|fc-)[0-9a-f]{32}|key-[0-9a-z]{32})\b"),
    (r"hrku-|nvapi-|pul-|tvly-|xkeysib-", r"(?:HRKU-|nvapi-|pul-|tvly-|xkeysib-)[\w-]{24,}"),
    (
        r"(?:ph[cx]|tfp|cfut|cfat|fo1|fm[12][ar]?)_",
        r"(?:(?:ph[cx]|tfp|cfut|cfat|fo1)_\w{24,}|fm[12][ar]?_[\w+/=]{24,})",
    ),
    (r"re_[a-z0-9]{8}_", r"re_\w{8}_\w{20,}"),
    (r"vercel_|duffel_", r"(?:vercel_\w{1,20}|duffel_(?:live|test))_[\w-]{16,}"),
    (r"eaa[a-z0-9]{16}|ltai5t", r"(?:EAA[A-Za-z0-9]{60,}|LTAI5t[A-Za-z0-9]{12,})"),
    (r"sl\.[a-z0-9_-]{16}", r"sl\.[\w-]{60,}"),
    (r"a3-[a-z0-9]{6}-", r"A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){3,6}"),
    (r"v1\.0-[0-9a-f]{8}", r"v1\.0-[0-9a-f]{16,}-[0-9a-f]{32,}"),
    (r"\.atlasv1\.", r"[A-Za-z0-9]{10,20}\.atlasv1\.[\w-]{40,}"),
    (r"4/0a", r"4/0A[\w-]{8,}"),
    (r"(?:^|[^a-z0-9])s\.[a-z0-9]{12}", r"s\.(?=[A-Za-z]*\d|[a-z]*[A-Z])[A-Za-z0-9]{24}\b"),
    # One word, an underscore or a hyphen, and a random word.
    (
        rf"(?:{_BEFORE})_[a-z0-9]{{16}}",
        rf"(?i:{_BEFORE})_(?=[A-Za-z]{{0,40}}\d|[a-z0-9]{{0,40}}[A-Z])[A-Za-z0-9]{{16,}}(?:[_.-][A-Za-z0-9]{{8,}})*",
    ),
    (
        r"(?:p8e|ico|api|flwseck(?:_test)?)-[a-z0-9]{16}|fio-u-|xsmtpsib-|tk-us-|bedrock-api-key-|s-s4t2",
        (
            r"(?:(?:p8e|ico)-(?=[A-Za-z]{0,40}\d)[A-Za-z0-9]{30,}|API-[A-Z0-9]{26,}\b|FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}"
            r"|(?:fio-u|xsmtpsib|tk-us)-[\w-]{24,}|bedrock-api-key-[\w+/=-]{20,}|s-s4t2(?:ud|af)-[0-9a-f]{32,})"
        ),
    ),
    (
        r"akcp[a-z0-9]{16}|cmvmd|absk[a-z0-9+/]{16}|ez[at]k[a-z0-9]{16}|dose[0-9a-f]{16}|aqe[a-z0-9+/]{16}|aqvn[a-z0-9_-]{16}",
        (
            r"(?:AKCp[A-Za-z0-9]{50,}|cmVmd[A-Za-z0-9]{50,}|ABSK[A-Za-z0-9+/]{60,}={0,2}|EZ[AT]K[A-Za-z0-9]{50,}"
            r"|dose[0-9a-f]{32}|AQE[\w+/=]{50,}-[\w+/=-]{16,}|AQVN[\w-]{34,})"
        ),
    ),
    # A JWT in base64; keys of NuGet and crates.io; Azure DevOps has its mark at the end.
    (
        r"zxlk[a-z0-9+/]{16}|oy2[a-z0-9]{43}|cio[a-z0-9]{32}|[a-z0-9]{76}azdo",
        r"(?:ZXlK[\w+/=-]{30,}|oy2[a-z0-9]{43}\b|cio(?=[A-Za-z]{0,32}\d)[A-Za-z0-9]{32}\b|[A-Za-z0-9]{76}AZDO\w{4})",
    ),
    (
        r"rzp_|pcsk_|live_[a-z0-9]{30}|[0-9]{15}\|[a-z0-9_-]{27}",
        (
            r"(?:rzp_(?:live|test)_[A-Za-z0-9]{14,}|pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{30,}"
            r"|live_(?=[A-Za-z]{0,30}\d)[A-Za-z0-9]{30,}|\d{15,16}\|[\w-]{27,40})"
        ),
    ),
    (r"sha256~|[0-9]q~", r"(?:sha256~[\w-]{40,}|[\w~.]{3}\dQ~[\w~.-]{31,34})"),
    (
        r"snyk_[a-z]at\.|api_(?:live|sandbox)|[ps]at\.[a-z0-9_-]{22}\.|pat[a-z0-9]{14}\.|\.acc[_-]|t1\.[a-z0-9_-]",
        (
            r"(?:snyk_[us]at\.\w{4,12}\.[\w-]{20,}|api_(?:live|sandbox)(?:_\w\w)?\.[\w-]{8,20}\.[\w-]{24,}"
            r"|[ps]at\.[\w-]{22}\.\w{24}\.\w{20}|pat\w{14}\.[0-9a-f]{40,}"
            r"|(?:sc|ext|scauth|authress)_\w{5,30}\.\w{4,6}\.acc[-_][\w-]{10,32}\.[\w+/=-]{30,}"
            r"|t1\.[\w-]{1,400}={0,2}\.[\w-]{80,}={0,2})"
        ),
    ),
    (
        r"[0-9a-f]{32}-us[0-9]|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}|_mmk|[0-9]/[0-9]{15}[0-9/:]",
        (
            r"(?:[0-9a-f]{32}-(?:us\d{1,2}|[0-9a-f]{8}-[0-9a-f]{8})\b|\w{6}_\w{29}_mmk\b"
            r"|[12]/\d{15,17}(?:/\d{15,17})?:[0-9a-f]{32}\b)"
        ),
    ),
    (
        r"(?:access-(?:sandbox|development|production)-|(?:waka|persona_[a-z]{4,10})_)[0-9a-f]{8}-",
        rf"(?:access-(?:sandbox|development|production)-|waka_|persona_(?:production|sandbox)_){_UUID}",
    ),
    # A Discord bot's token: its number, a timestamp, and a hash.
    (
        r"[mno][a-z0-9_-]{22,27}\.[a-z0-9_-]{6}\.[a-z0-9_-]{27}",
        r"[MNO][A-Za-z\d][\w-]{21,26}\.(?=[\w-]{0,5}[A-Z\d])[\w-]{6}\.[\w-]{27,45}",
    ),
    (r"eyj[a-z0-9_-]{8}", r"(?:eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*|eyJrIjoi[\w+/=-]{16,})"),
)  # fmt: skip

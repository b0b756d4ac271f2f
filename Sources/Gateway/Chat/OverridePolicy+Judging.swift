internal import Profiles

extension OverridePolicy {
    /// Why a request may not override this part of the runtime; nil when it may (origin 4.3).
    func refusal(of key: OverrideKey) -> String? {
        guard allowOverrides ?? false else {
            return "request overrides are disabled for this profile: it does not allow engine overrides"
        }
        if deniedOverrideKeys.map(OverrideKey.canonicalised).contains(key.rawValue) {
            return "override key \"\(key.rawValue)\" is denied"
        }
        if let allowed = allowedOverrideKeys, !allowed.map(OverrideKey.canonicalised).contains(key.rawValue) {
            return "override key \"\(key.rawValue)\" is not allowed"
        }
        return nil
    }
}

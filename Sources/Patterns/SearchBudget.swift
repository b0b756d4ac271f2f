/// Processor time for searches that belong together, so that slow patterns cost a refusal and not the machine.
package struct SearchBudget: Sendable {
    /// Below 0 when used up.
    var nanosecondsLeft: Int64

    package init(milliseconds: Int64 = 10_000) { nanosecondsLeft = milliseconds * 1_000_000 }
}

import Gateway
import JSON

/// The runbook as a page for people and as a document for programs.
struct RunbookText {
    struct Step {
        let title: String
        let text: String
        let commands: [String]
    }

    struct Alarm {
        let alarm: String
        let meaning: String
        let action: String
    }

    private let place: Installation
    private let steps: [Step]
    private let alarms: [Alarm]

    /// - Parameter options: what commands need to find this installation, with a blank before it; empty for nothing.
    init(_ place: Installation, options: String) {
        self.place = place
        steps = RunbookSteps(place, options: options).all
        alarms = RunbookAlarms(place, options: options).all
    }

    private var paths: [(name: String, path: String)] {
        [
            ("tenant", place.tenant), ("registry file", place.registryFile), ("backups", place.backups),
            ("data directory", place.dataDirectory), ("lock", place.lock), ("server", place.url),
            ("scheduled backups", place.backupSchedule ?? "none; set backups.schedule, or run `backup` from cron"),
        ]
    }

    var markdown: String {
        var lines = [Style.heading("# Runbook of \(place.tenant)"), ""]
        lines += paths.map { "* \($0.name): \($0.path)" }
        for step in steps {
            lines += ["", Style.heading("## \(step.title)"), "", step.text]
            if !step.commands.isEmpty { lines += ["", "```sh"] + step.commands + ["```"] }
        }
        lines += ["", Style.heading("## When something is wrong"), ""]
        for alarm in alarms {
            lines += ["* " + Style.warning(alarm.alarm), "  \(alarm.meaning)", "  → \(alarm.action)"]
        }
        return lines.joined(separator: "\n")
    }

    var document: JSONValue {
        var names = JSONObject()
        for (name, path) in paths { names[name.replacing(" ", with: "_")] = .string(path) }
        return [
            "paths": .object(names),
            "steps": .array(
                steps.map { step in
                    [
                        "title": .string(step.title), "text": .string(step.text),
                        "commands": .array(step.commands.map { .string($0) }),
                    ]
                }),
            "alarms": .array(
                alarms.map { alarm in
                    [
                        "alarm": .string(alarm.alarm), "meaning": .string(alarm.meaning),
                        "action": .string(alarm.action),
                    ]
                }),
        ]
    }
}

package import JSON

/// What a profile says about the runtime of a chat; merged over its stack into an effective runtime.
package struct RuntimeSpec: Sendable, Equatable {
    /// section → field → value, as written; `null` values clear what a lower layer set.
    package var stepSettingsPatch: Layered<JSONObject>
    package var systemPrompt: Layered<String>
    package var middlewares: Layered<[MiddlewareUse]>
    /// Names of the tools a chat may use: absent = no restriction, `[]` = none.
    package var tools: Layered<[String]>
    /// Placeholders of the system prompt, sorted by name; a null entry takes an inherited declaration away.
    package var variables: Layered<[NamedVariable]>

    package struct NamedVariable: Sendable, Equatable {
        package var name: String
        /// nil: the declaration of a lower layer is taken away.
        package var variable: PromptVariable?

        package init(name: String, variable: PromptVariable?) {
            self.name = name
            self.variable = variable
        }
    }

    package init(
        stepSettingsPatch: Layered<JSONObject> = .inherited, systemPrompt: Layered<String> = .inherited,
        middlewares: Layered<[MiddlewareUse]> = .inherited, tools: Layered<[String]> = .inherited,
        variables: Layered<[NamedVariable]> = .inherited
    ) {
        self.stepSettingsPatch = stepSettingsPatch
        self.systemPrompt = systemPrompt
        self.middlewares = middlewares
        self.tools = tools
        self.variables = variables
    }
}

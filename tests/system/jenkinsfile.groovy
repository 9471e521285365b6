// Parses Jenkinsfiles as Jenkins does, with Groovy's own compiler, without compiling or running anything of them. Reads a
// JSON list of their texts, and prints one of {"statements": ...} or {"error": what the compiler says}.
//
// A call such as stage('Build') { ... } becomes {"call", "line", "arguments", "body"}; anything else, which a declarative
// pipeline has no place for outside of its script blocks, becomes {"other": its class, "line"}.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.*
import org.codehaus.groovy.control.*

def node
def value = { expression ->
    switch (expression) {
        case ConstantExpression: return expression.value
        case MapExpression: return expression.mapEntryExpressions.collectEntries { [it.keyExpression.text, owner.call(it.valueExpression)] }
        case MethodCallExpression: return node(expression)
        default: return [other: expression.class.simpleName, text: expression.text, line: expression.lineNumber]
    }
}
def statements = { block ->
    (block instanceof BlockStatement ? block.statements : [block]).collect {
        def expression = it instanceof ExpressionStatement || it instanceof ReturnStatement ? it.expression : it
        node(expression)
    }
}
node = { expression ->
    if (!(expression instanceof MethodCallExpression)) {
        def call = expression instanceof VariableExpression
        return call ? [call: expression.name, line: expression.lineNumber, arguments: [], body: null]
                    : [other: expression.class.simpleName, line: expression.lineNumber]
    }
    def given = expression.arguments.expressions
    def closure = given.find { it instanceof ClosureExpression }
    [
        call: expression.methodAsString,
        line: expression.lineNumber,
        arguments: (given - closure).findAll { it != null }.collect(value),
        body: closure == null ? null : statements(closure.code),
    ]
}
def parse = { text ->
    def unit = new CompilationUnit()
    unit.addSource('Jenkinsfile', text)
    try {
        unit.compile(Phases.CONVERSION)
        [statements: statements(unit.AST.modules[0].statementBlock)]
    } catch (CompilationFailedException failed) {
        [error: failed.message]
    }
}
print JsonOutput.toJson(new JsonSlurper().parse(System.in, 'UTF-8').collect(parse))

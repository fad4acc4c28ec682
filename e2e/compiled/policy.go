// Package compiled evaluates the policies that `imagereview policy compile` writes as the API server does, with the
// API server's own code, and holds them against the program's verdicts.
package compiled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// Kubernetes is the oldest version of Kubernetes that compiled policies are for.
var Kubernetes = version.MajorMinor(1, 30)

// Manifests compiles policy files. It gives what the program wrote, and whether it refused something.
func Manifests(t testing.TB, files []string, options ...string) (manifests, diagnostics string, refused bool) {
	t.Helper()
	arguments := append([]string{"policy", "compile"}, options...)
	command := exec.Command(webhook.Binary(t, "imagereview"), append(arguments, files...)...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("imagereview policy compile %v: %v\n%s", files, err, &problems)
	}
	return out.String(), problems.String(), err != nil
}

// Policy is a compiled policy with its binding.
type Policy struct {
	Name      string
	Actions   []admissionregistration.ValidationAction
	Validator validating.Validator
	// Evaluators of single expressions, to count what each costs.
	Object *admissionregistration.ValidatingAdmissionPolicy
}

// Load compiles the expressions of policies as the API server of a version does.
func Load(manifests string, kubernetes *version.Version) ([]*Policy, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	byName := map[string]*Policy{}
	var policies []*Policy
	for {
		var object unstructured.Unstructured
		if err := decoder.Decode(&object.Object); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		name := object.GetName()
		switch object.GetKind() {
		case "ValidatingAdmissionPolicy":
			var definition admissionregistration.ValidatingAdmissionPolicy
			if err := strictly(object, &definition); err != nil {
				return nil, err
			}
			validator, err := compile(&definition, kubernetes)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			policy := &Policy{Name: name, Validator: validator, Object: &definition}
			byName[name] = policy
			policies = append(policies, policy)
		case "ValidatingAdmissionPolicyBinding":
			var binding admissionregistration.ValidatingAdmissionPolicyBinding
			if err := strictly(object, &binding); err != nil {
				return nil, err
			}
			byName[binding.Spec.PolicyName].Actions = binding.Spec.ValidationActions
		default:
			return nil, fmt.Errorf("a %s is not expected", object.GetKind())
		}
	}
	return policies, nil
}

// compile is compilePolicy of the plugin, for an API server of any version, and with the errors of each expression.
func compile(policy *admissionregistration.ValidatingAdmissionPolicy, kubernetes *version.Version) (validating.Validator, error) {
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(kubernetes))
	if err != nil {
		return nil, err
	}
	with, without := cel.OptionalVariableDeclarations{HasAuthorizer: true}, cel.OptionalVariableDeclarations{}
	for _, variable := range policy.Spec.Variables {
		// Only what this version knows: what is stored may use more.
		result := compiler.CompileAndStoreVariable(&validating.Variable{Name: variable.Name, Expression: variable.Expression}, with, environment.NewExpressions)
		if result.Error != nil {
			return nil, fmt.Errorf("the variable %s: %w", variable.Name, result.Error)
		}
	}
	var matches, validations, messages, annotations []cel.ExpressionAccessor
	for i := range policy.Spec.MatchConditions {
		matches = append(matches, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i]))
	}
	for _, one := range policy.Spec.Validations {
		validations = append(validations, &validating.ValidationCondition{Expression: one.Expression, Message: one.Message, Reason: one.Reason})
		messages = append(messages, &validating.MessageExpressionCondition{MessageExpression: one.MessageExpression})
	}
	for _, one := range policy.Spec.AuditAnnotations {
		annotations = append(annotations, &validating.AuditAnnotationCondition{Key: one.Key, ValueExpression: one.ValueExpression})
	}
	var problems []error
	condition := func(expressions []cel.ExpressionAccessor, declarations cel.OptionalVariableDeclarations) cel.ConditionEvaluator {
		evaluator := compiler.CompileCondition(expressions, declarations, environment.NewExpressions)
		problems = append(problems, evaluator.CompilationErrors()...)
		return evaluator
	}
	matcher := matchconditions.NewMatcher(condition(matches, with), policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	validator := validating.NewValidator(
		condition(validations, with), matcher, condition(annotations, with), condition(messages, without),
		policy.Spec.FailurePolicy, nil)
	return validator, errors.Join(problems...)
}

// Request is a request of admission.
type Request struct {
	Kind        schema.GroupVersionKind
	Resource    string
	SubResource string
	Namespace   string
	Operation   admission.Operation
	User        user.DefaultInfo
	Object, Old *unstructured.Unstructured // Old is nil where there is none
}

// Verdict is what a policy makes of a request.
type Verdict struct {
	Allowed     bool
	Messages    []string // of denials and warnings
	Annotations map[string]string
	// Whether an expression failed to be evaluated.
	Undecided []string
}

// Decide evaluates policies as the API server does.
func Decide(policies []*Policy, request *Request) Verdict {
	verdict := Verdict{Allowed: true, Annotations: map[string]string{}}
	resource := request.Kind.GroupVersion().WithResource(request.Resource)
	attributes := admission.NewAttributesRecord(request.Object, nil, request.Kind, request.Namespace, request.Object.GetName(),
		resource, request.SubResource, request.Operation, nil, false, &request.User)
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: request.Kind}
	versioned.VersionedObject.Set(request.Object)
	if request.Old != nil {
		versioned.VersionedOldObject.Set(request.Old)
	}
	for _, policy := range policies {
		result := policy.Validator.Validate(context.Background(), resource, versioned, nil, nil, celconfig.RuntimeCELCostBudget, nil)
		for _, decision := range result.Decisions {
			if decision.Evaluation == validating.EvalError {
				verdict.Undecided = append(verdict.Undecided, policy.Name+": "+decision.Message)
			}
			if decision.Action == validating.ActionDeny {
				verdict.Messages = append(verdict.Messages, decision.Message)
				if slices.Contains(policy.Actions, admissionregistration.Deny) {
					verdict.Allowed = false
				}
			}
		}
		for _, annotation := range result.AuditAnnotations {
			switch annotation.Action {
			case validating.AuditAnnotationActionPublish:
				if earlier, ok := verdict.Annotations[annotation.Key]; ok && annotation.Key != "policy" {
					verdict.Annotations[annotation.Key] = earlier + " and " + annotation.Value
				} else {
					verdict.Annotations[annotation.Key] = annotation.Value
				}
			case validating.AuditAnnotationActionError:
				verdict.Allowed = false
				verdict.Undecided = append(verdict.Undecided, policy.Name+": "+annotation.Error)
			}
		}
	}
	return verdict
}

// strictly decodes an object, and fails on fields that its type does not have.
func strictly(object unstructured.Unstructured, into metav1.Object) error {
	return converter.FromUnstructuredWithValidation(object.Object, into, true)
}

using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Support;
using Mono.Cecil;

namespace Dino.Gpu.Tests.Layering;

/// <summary>Each folder uses only folders below it: <see cref="Layers.Order"/>.</summary>
public sealed partial class LayeringTests
{
    /// <summary>What the compiled code uses: signatures, fields, attributes and the bodies of methods.</summary>
    [Theory]
    [InlineData(typeof(DinoEncoder))]
    [InlineData(typeof(Dino.Gpu.Data.Imaging.SkiaImageDecoder))]
#if WITH_SERVER
    [InlineData(typeof(Dino.Gpu.Server.DinoServerOptions))]
    [InlineData(typeof(Dino.Gpu.USearch.ApproximateIndex))]
#endif
    [InlineData(typeof(Dino.Gpu.Stores.VectorStores))]
    [InlineData(typeof(Dino.Gpu.Cli.DinoCommandLine))]
    public void No_type_uses_a_layer_above_its_own(Type anyOfTheAssembly)
    {
        using AssemblyDefinition assembly = AssemblyDefinition.ReadAssembly(anyOfTheAssembly.Assembly.Location);
        Edge[] edges = [.. assembly.MainModule.Types.Where(type => type.Namespace.StartsWith("Dino.Gpu", StringComparison.Ordinal))
            .SelectMany(Uses)];
        Assert.NotEmpty(edges);
        string[] upward = [.. edges.Where(IsUpward).Select(edge => edge.ToString()).Distinct().Order()];
        Assert.True(upward.Length == 0, string.Join('\n', upward)); // Assert.Empty would cut the names
    }

    /// <summary>
    /// What a reader sees. Constants and documentation leave no trace in compiled code, but their usings and qualified
    /// names stand in the source.
    /// </summary>
    [Fact]
    public void No_file_names_a_layer_above_its_own()
    {
        string source = SourceTree.Find("src");
        var upward = new List<string>();
        int files = 0;
        foreach (string file in Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(file => !Generated().IsMatch(file)))
        {
            string text = File.ReadAllText(file);
            if (Namespace().Match(text) is not { Success: true } space)
                continue;
            files++;
            string name = Path.GetFileName(file).Split('.')[0]; // a part of a partial type too
            // extension methods stand in the namespace of what they extend; they belong to their project
            string project = Path.GetRelativePath(source, file).Split('/', '\\')[0];
            int own = Layers.Of(space.Groups[1].Value, name) ?? Layers.Of(project, name)!.Value;
            foreach (string used in NamedLayers(text, space.Groups[1].Value).Distinct())
            {
                if (Array.FindIndex(Layers.Order, layer => layer.Contains(used)) > own)
                    upward.Add($"{Path.GetRelativePath(source, file)} uses {used}");
            }
        }

        Assert.True(files > 300, $"found {files} source files in {source}");
        Assert.True(upward.Count == 0, string.Join('\n', upward));
    }

    /// <summary>
    /// The layers that the code of a file names, in usings or in qualified names. They are looked up as the compiler
    /// does: from the innermost namespace outward.
    /// </summary>
    private static IEnumerable<string> NamedLayers(string text, string ownNamespace)
    {
        string[] own = ownNamespace.Split('.');
        foreach (Match name in QualifiedName().Matches(CommentOrLiteral().Replace(text, "")))
        {
            string[] parts = name.Value.Split('.');
            string? layer = Enumerable.Range(0, own.Length + 1).Reverse()
                .SelectMany(depth => Enumerable.Range(1, parts.Length).Reverse()
                    .Select(length => string.Join('.', own.Take(depth).Concat(parts.Take(length)))))
                .FirstOrDefault(candidate => Layers.Order.Any(names => names.Contains(candidate)));
            if (layer is not null)
                yield return layer;
        }
    }

    private static bool IsUpward(Edge edge) =>
        Layers.Of(edge.ToNamespace, edge.To) is { } to && Layers.Of(edge.FromNamespace, edge.From)!.Value is var from
        && (to > from || (to == from && edge.ToNamespace != edge.FromNamespace));

    private static IEnumerable<Edge> Uses(TypeDefinition type) => Everything(type)
        .SelectMany(References)
        .SelectMany(Named)
        .Select(used => new Edge(type.Namespace, type.Name.Split('`')[0], used.Namespace, used.Name.Split('`')[0]));

    private static IEnumerable<TypeDefinition> Everything(TypeDefinition type) => type.NestedTypes.SelectMany(Everything).Prepend(type);

    private static IEnumerable<TypeReference?> References(TypeDefinition type)
    {
        IEnumerable<TypeReference?> own = type.Interfaces.Select(one => one.InterfaceType).Append(type.BaseType)
            .Concat(type.Fields.Select(field => field.FieldType))
            .Concat(type.CustomAttributes.Select(attribute => attribute.AttributeType))
            .Concat(type.GenericParameters.SelectMany(parameter => parameter.Constraints).Select(constraint => constraint.ConstraintType));
        return own.Concat(type.Methods.SelectMany(References));
    }

    private static IEnumerable<TypeReference?> References(MethodDefinition method)
    {
        IEnumerable<TypeReference?> signature = method.Parameters.Select(parameter => parameter.ParameterType).Append(method.ReturnType)
            .Concat(
                method.GenericParameters.SelectMany(parameter => parameter.Constraints).Select(constraint => constraint.ConstraintType));
        if (!method.HasBody)
            return signature;
        return signature
            .Concat(method.Body.Variables.Select(variable => variable.VariableType))
            .Concat(method.Body.Instructions.SelectMany(instruction => instruction.Operand switch
            {
                GenericInstanceMethod generic => generic.GenericArguments.Append(generic.DeclaringType),
                MethodReference called => [called.DeclaringType, called.ReturnType],
                FieldReference field => [field.DeclaringType, field.FieldType],
                TypeReference type => [type],
                _ => Array.Empty<TypeReference?>(),
            }));
    }

    /// <summary>
    /// The outermost named types in a reference: those of arrays, pointers and generic arguments too.
    /// </summary>
    private static IEnumerable<TypeReference> Named(TypeReference? reference)
    {
        switch (reference)
        {
            case null or GenericParameter:
                yield break;
            case GenericInstanceType generic:
                foreach (TypeReference part in generic.GenericArguments.Append(generic.ElementType).SelectMany(Named))
                    yield return part;
                yield break;
            case TypeSpecification specification:
                foreach (TypeReference part in Named(specification.ElementType))
                    yield return part;
                yield break;
        }

        while (reference.DeclaringType is { } outer)
            reference = outer;
        if (reference.Namespace.Length > 0)
            yield return reference;
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"(?<![\w.])(?:[A-Z]\w*\.)+[A-Z]\w*")]
    private static partial Regex QualifiedName();

    [GeneratedRegex(
        """
        //[^\n]*|/\*[\s\S]*?\*/|'(?:\\.|[^'\\\n])'|\"{3}[\s\S]*?\"{3}|@"[^"]*"|"(?:\\.|[^"\\\n])*"
        """)]
    private static partial Regex CommentOrLiteral();

    [GeneratedRegex(@"[/\\](obj|bin)[/\\]")]
    private static partial Regex Generated();

    private sealed record Edge(string FromNamespace, string From, string ToNamespace, string To)
    {
        public override string ToString() => $"{FromNamespace}.{From} uses {ToNamespace}.{To}";
    }
}

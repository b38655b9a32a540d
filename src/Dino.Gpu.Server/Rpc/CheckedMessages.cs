using Dino.Gpu.Server.Requests;
using Google.Protobuf;
using Grpc.Core;

namespace Dino.Gpu.Server.Rpc;

/// <summary>
/// Binds the service so that a message that is no protobuf is an invalid argument. gRPC parses messages before any
/// interceptor runs, and calls whatever fails there unknown.
/// </summary>
/// <param name="binder">Told the methods.</param>
internal sealed class CheckedMessages(ServiceBinderBase binder) : ServiceBinderBase
{
    /// <summary>Binds the service; gRPC finds this by the attribute of <see cref="DinoService"/>.</summary>
    public static void Bind(ServiceBinderBase binder, Dino.DinoBase service) => Dino.BindService(new CheckedMessages(binder), service);

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        binder.AddMethod(Checked(method), handler);

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
        binder.AddMethod(Checked(method), handler);

    private static Method<TRequest, TResponse> Checked<TRequest, TResponse>(Method<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        Func<DeserializationContext, TRequest> parse = method.RequestMarshaller.ContextualDeserializer;
        Marshaller<TRequest> marshaller = Marshallers.Create(method.RequestMarshaller.ContextualSerializer, message =>
        {
            try
            {
                return parse(message);
            }
            catch (InvalidProtocolBufferException)
            {
                throw FailureInterceptor.Of(RequestFailure.Invalid("the message is damaged (expected protobuf)"));
            }
        });
        return new Method<TRequest, TResponse>(method.Type, method.ServiceName, method.Name, marshaller, method.ResponseMarshaller);
    }
}
